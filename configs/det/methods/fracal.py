# FRACAL: scores calibrated at test by how often and how evenly classes lie. Alexandridis et al., CVPR 2025, 2410.11774.
# First: mmlt count <annotations of the training set> --fractal --out counts.json
default_hooks = dict(fracal=dict(type='FractalCalibrationHook', file='counts.json', power=2.0))

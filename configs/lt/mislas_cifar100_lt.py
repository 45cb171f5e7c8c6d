# MiSLAS, second run: scales train, weights slowly, label-aware smoothing. Zhong et al., CVPR 2021, arXiv:2104.00466.
from importlib import import_module
globals().update(import_module('mmlt.engine.overlays').overlaid('cifar100_lt', 'mislas'))

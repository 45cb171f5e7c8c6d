# Mixup; late in the run CAM-based sampling; at last neither of them. Zhang et al., AAAI 2021: the best combination.
from importlib import import_module
globals().update(import_module('mmlt.engine.overlays').overlaid('inat2018', 'mixup-cam_bs-ft'))

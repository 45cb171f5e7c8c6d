# CAM-based sampling: late in the run class-balanced images with transformed foregrounds. Zhang et al., AAAI 2021.
from importlib import import_module
globals().update(import_module('mmlt.engine.overlays').overlaid('inat2018', 'cam_bs'))

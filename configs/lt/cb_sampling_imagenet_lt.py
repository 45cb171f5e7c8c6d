# Class-balanced sampling from the first epoch. Kang et al., ICLR 2020, arXiv:1910.09217.
from importlib import import_module
globals().update(import_module('mmlt.engine.overlays').overlaid('imagenet_lt', 'cb_sampling'))

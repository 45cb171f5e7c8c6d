# Balanced softmax. Ren et al., NeurIPS 2020, arXiv:2007.10740.
from importlib import import_module
globals().update(import_module('mmlt.engine.overlays').overlaid('imagenet_lt', 'balanced_softmax'))

# LDAM, late in the run with effective-number weights (DRW). Cao et al., NeurIPS 2019, arXiv:1906.07413.
from importlib import import_module
globals().update(import_module('mmlt.engine.overlays').overlaid('imagenet_lt', 'ldam-drw'))

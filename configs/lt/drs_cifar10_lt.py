# Deferred re-sampling: class-balanced late in the run. Cao et al., NeurIPS 2019, arXiv:1906.07413.
from importlib import import_module
globals().update(import_module('mmlt.engine.overlays').overlaid('cifar10_lt', 'drs'))

"""The diagnosis of a data set: what it holds, what is wrong with it, and what to train."""
from .run import diagnose

__all__ = ['diagnose']

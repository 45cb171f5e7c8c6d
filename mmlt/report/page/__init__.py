"""The report: one self-contained page about one run or many."""
from .build import write_report

__all__ = ['write_report']

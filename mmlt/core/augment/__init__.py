from .cam import CAMForeground

__all__ = ['CAMForeground']

"""tools/refit.py for torchrun, with the data set of tiny.py."""
import tiny  # noqa: F401
from toolbox import tool

if __name__ == '__main__':
    tool('refit').main()

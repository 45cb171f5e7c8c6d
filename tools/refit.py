"""The command mmlt refit."""
import sys

from mmlt.cli.refit import main

if __name__ == '__main__':
    sys.exit(main())

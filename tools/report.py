"""The command mmlt report."""
import sys

from mmlt.cli.report import main

if __name__ == '__main__':
    sys.exit(main())

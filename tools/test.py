"""The command mmlt test."""
import sys

from mmlt.cli.test import main

if __name__ == '__main__':
    sys.exit(main())

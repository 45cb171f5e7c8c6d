"""The command mmlt sweep."""
import sys

from mmlt.cli.sweep import main

if __name__ == '__main__':
    sys.exit(main())

"""The command mmlt sweep."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['sweep', *sys.argv[1:]]))

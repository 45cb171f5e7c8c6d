"""The command mmlt split."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['split', *sys.argv[1:]]))

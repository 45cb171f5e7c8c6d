"""The command mmlt report."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['report', *sys.argv[1:]]))

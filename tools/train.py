"""The command mmlt train."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['train', *sys.argv[1:]]))

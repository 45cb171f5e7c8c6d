"""The command mmlt test."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['test', *sys.argv[1:]]))

"""The command mmlt label."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['label', *sys.argv[1:]]))

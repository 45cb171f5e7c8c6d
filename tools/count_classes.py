"""The command mmlt count."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['count', *sys.argv[1:]]))

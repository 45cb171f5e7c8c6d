"""The command mmlt soup."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['soup', *sys.argv[1:]]))

"""The command mmlt refit."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['refit', *sys.argv[1:]]))

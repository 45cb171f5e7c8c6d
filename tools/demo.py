"""The command mmlt demo."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['demo', *sys.argv[1:]]))

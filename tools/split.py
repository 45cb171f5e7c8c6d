"""The command mmlt holdout."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['holdout', *sys.argv[1:]]))

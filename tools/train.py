"""The command mmlt train."""
import sys

from mmlt.cli.train import main

if __name__ == '__main__':
    sys.exit(main())

"""The command mmlt split."""
import sys

from mmlt.cli.split import main

if __name__ == '__main__':
    sys.exit(main())

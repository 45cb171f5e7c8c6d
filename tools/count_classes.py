"""The command mmlt count."""
import sys

from mmlt.cli.count import main

if __name__ == '__main__':
    sys.exit(main())

"""The command mmlt label."""
import sys

from mmlt.cli.label import main

if __name__ == '__main__':
    sys.exit(main())

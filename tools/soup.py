"""The command mmlt soup."""
import sys

from mmlt.cli.soup import main

if __name__ == '__main__':
    sys.exit(main())

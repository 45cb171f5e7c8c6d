"""The command mmlt crest."""
import sys

from mmlt.cli.crest import main

if __name__ == '__main__':
    sys.exit(main())

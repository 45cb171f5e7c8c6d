"""The command mmlt crest."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['crest', *sys.argv[1:]]))

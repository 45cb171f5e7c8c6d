"""The command mmlt diagnose."""
import sys

from mmlt.cli import main

if __name__ == '__main__':
    sys.exit(main(['diagnose', *sys.argv[1:]]))

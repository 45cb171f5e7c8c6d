"""The command mmlt demo."""
import sys

from mmlt.cli.demo import main

if __name__ == '__main__':
    sys.exit(main())

"""The command mmlt diagnose."""
import sys

from mmlt.cli.diagnose import main

if __name__ == '__main__':
    sys.exit(main())

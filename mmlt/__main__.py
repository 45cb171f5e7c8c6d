import sys

from mmlt.cli import main

sys.exit(main())

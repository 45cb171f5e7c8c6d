"""The command mmlt report."""
from mmlt.cli.report import main

if __name__ == '__main__':
    main()

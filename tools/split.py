"""The command mmlt holdout."""
from mmlt.cli.holdout import main

if __name__ == '__main__':
    main()

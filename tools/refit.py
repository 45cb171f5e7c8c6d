"""The command mmlt refit."""
from mmlt.cli.refit import main

if __name__ == '__main__':
    main()

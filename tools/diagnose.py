"""The command mmlt diagnose."""
from mmlt.cli.diagnose import main

if __name__ == '__main__':
    main()

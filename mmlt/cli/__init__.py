"""The ``mmlt`` command. Each module is one sub-command: a docstring with an example, ``add_arguments`` and ``run``."""
import argparse
import sys


def run_alone(doc, add_arguments, run, args=None):
    """One sub-command as a script of its own."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(p)
    p.add_argument('--debug', action='store_true', help='show where an error arose')
    args = p.parse_args(args)
    try:
        run(args)
    except (ValueError, OSError) as error:
        if args.debug:
            raise
        sys.exit(f'error: {error}')

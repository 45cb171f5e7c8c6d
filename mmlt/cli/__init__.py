"""The ``mmlt`` command. Each module is one sub-command with a ``main(args)``; tools/*.py call the same functions."""
import argparse
import logging
import sys
import warnings
from importlib import import_module

from wrapt import when_imported

from .completion import autocomplete

COMMANDS = {
    'demo': 'train and compare two recipes on real digits in two minutes; nothing to download',
    'train': 'train a config, with methods over it',
    'test': 'evaluate a checkpoint',
    'refit': 'second stages in seconds on cached features',
    'soup': 'average the weights of models from one start, for refit',
    'label': 'label images with a trained model',
    'crest': 'self-training in generations on unlabelled images',
    'sweep': 'many configs, methods and seeds, crash-safe, one table',
    'report': 'one page about runs: accuracy by class, confusions, reliability, errors',
    'diagnose': 'look at a data set before training; recipes to try first, ready to run',
    'split': 'long-tailed lists of a folder of classes, for experiments',
    'holdout': 'a validation list of a folder as it is; bursts, patients, videos stay on one side',
    'count': 'class counts of COCO and LVIS annotations, or of the pixels of label maps',
    'configs': 'the data configs that come with mmlt',
    'methods': 'every method: paper, cost, evidence, overlay',
}
GO_ON = {'train': 'the same command with --resume goes on', 'sweep': 'the same command goes on',
         'crest': 'the same command goes on', 'refit': 'the same command goes on from the features it has'}
EXAMPLES = """
  mmlt diagnose data/birds --out birds.html
  mmlt train cifar100_lt ldam-drw --amp
  mmlt refit cifar100_lt work_dirs/ce_cifar100_lt/epoch_200.pth --methods maxnorm
  mmlt report work_dirs/* --out report.html
"""


def parser():
    """The top-level parser; a command reads its own arguments."""
    lines = [f'  {name:10}{text}' for name, text in COMMANDS.items()]
    p = argparse.ArgumentParser(
        prog='mmlt', formatter_class=argparse.RawDescriptionHelpFormatter, usage='mmlt COMMAND ... [--help]',
        description='Long-tailed recognition: train, refit, compare, look.\n\n' + '\n'.join(lines),
        epilog=f'examples:{EXAMPLES}\nmmlt COMMAND --help tells the rest; complete names in the shell with '
               'pip install argcomplete, then eval "$(register-python-argcomplete mmlt)"')
    p.add_argument('--version', action='store_true', help="print mmlt's version")
    p.add_argument('command', nargs='?', metavar='COMMAND', choices=COMMANDS, help=argparse.SUPPRESS)
    p.add_argument('rest', nargs=argparse.REMAINDER, metavar='...', help=argparse.SUPPRESS)
    return p


def main(args=None):
    """Run ``mmlt COMMAND ...``; returns the exit status."""
    p = parser()
    autocomplete(p)
    args = p.parse_args(args)
    if args.version:
        import mmlt
        print(mmlt.__version__)
        return 0
    if args.command is None:
        p.print_help()
        return 0
    sys.argv = [f'mmlt {args.command}', *args.rest]  # what usage lines and records of a run show
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')  # MMCV without ops
    try:
        try:
            command = import_module(f'mmlt.cli.{args.command}')
        except ImportError as error:
            if (error.name or '').startswith('mmlt'):
                raise
            sys.exit(f'error: mmlt {args.command} needs {error.name}: pip install "mmlt[onedl,report]"')
        result = command.main(args.rest)
    except KeyboardInterrupt:
        sys.unraisablehook = lambda _: None  # of the data loader that was cut short
        print(f'\ninterrupted; {GO_ON.get(args.command, "the same command begins anew")}', file=sys.stderr)
        return 130
    torch = sys.modules.get('torch')
    if torch and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # left to the interpreter's end, its threads can abort the process
    return result if isinstance(result, int) else 0


@when_imported('mmengine.logging')
def _no_debug(module):
    """MMEngine prints what has no logger, whatever its level: in each command, that MMPretrain lacks a package."""
    print_log = module.print_log

    def print_from_info(msg, logger=None, level=logging.INFO):
        if logger is not None or level > logging.DEBUG:
            print_log(msg, logger, level)
    module.print_log = print_from_info


def run_alone(doc, add_arguments, run, args=None):
    """One sub-command made of ``add_arguments(parser)`` and ``run(args)``."""
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

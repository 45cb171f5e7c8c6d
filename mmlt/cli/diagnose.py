"""Look at a data set before training: mmlt diagnose data/birds --out birds.html

DATA is a folder of classes (with or without train/ and test/), a list of "path label" lines, an .npz, a .json of counts
or of COCO/LVIS annotations, a config, or a folder that HuggingFace datasets saved. Says what is in it and wrong with
it, and writes the three recipes to try first, ready to run.
"""
import sys
from pathlib import Path


def add_arguments(p):
    p.add_argument('data', metavar='DATA')
    p.add_argument('--test', metavar='LIST', help='list of the test images, beside a training list')
    p.add_argument('--out', metavar='PAGE.html', help='write a page; recipes go to the folder of its name')
    p.add_argument('--recipes', metavar='DIR', help='folder for the recommended configs (default: beside --out)')
    p.add_argument('--backbone', metavar='NAME[=FILE]', help='timm model whose features judge the labels')
    p.add_argument('--no-flip', action='store_true', default=None, help='mirrored images have other labels (signs, '
                   'digits, text): no recipe flips then')
    p.add_argument('--flip', action='store_false', dest='no_flip', help='mirrored images keep their labels')
    p.add_argument('--groups', metavar='REGEX', help='on file names: what its first group matches stays in one split')
    p.add_argument('--epochs', type=int, help='of the trainings to come')
    p.add_argument('--seconds', type=float, default=6., help='for opening images (default: 6)')
    p.add_argument('--yes', action='store_true', help='ask nothing')


def run(args):
    from rich.console import Console

    if args.out and Path(args.out).is_dir():
        raise ValueError(f'--out {args.out} is a folder; give the name of a page, {args.out}.html')
    try:
        from mmlt.report.diagnose import diagnose
        from mmlt.report.diagnose.page import show
        from mmlt.report.progress import progress_bar
        console = Console(soft_wrap=True, highlight=False)
        with progress_bar() as (bars, progress):
            def ask(text, default):
                bars.stop()
                try:
                    return question(text, default)
                finally:
                    bars.start()
            found = diagnose(args.data, args.test, args.backbone, args.no_flip, args.groups, args.out, args.recipes,
                             args.epochs, args.seconds, None if args.yes or not sys.stdin.isatty() else ask, progress)
    except ImportError as error:
        raise ValueError(f'the diagnosis needs {error.name}: pip install "mmlt[report]"') from None
    show(found, console)
    if args.out:
        console.print(f'Page: {args.out}', markup=False)
    if not found['rules']:
        return
    console.print('Next: the commands above; mmlt report compares what they trained' if args.out or args.recipes else
                  'Next: --out page.html writes a page with pictures, and the recipes ready to run', markup=False)


def question(text, default):
    answer = input(f'{text} [{"Y/n" if default else "y/N"}] ').strip().lower()
    return default if not answer else answer in ('y', 'yes')


def main(args=None):
    from . import run_alone
    run_alone(__doc__, add_arguments, run, args)

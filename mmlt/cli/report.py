"""Write a page about runs: mmlt report work_dirs/ce work_dirs/cam_bs --out report.html

A RUN is a work dir, a folder of them (a sweep), a refit folder, a file of predictions, or a file of results: a sweep's
results.csv, or the json of benchmarks/results.py. Seeds of one recipe stand together. The page is one file that needs
no network and can be mailed.
"""
from pathlib import Path


def add_arguments(p):
    p.add_argument('runs', nargs='*', metavar='RUN', help='work dir, sweep, refit folder, predictions (.npz, '
                   '.csv), or results without work dirs (.csv, .json)')
    p.add_argument('--predictions', nargs='+', default=[], metavar='FILE', help='predictions of any model: .npz with '
                   'label and scores or pred, or .csv with the columns label and pred, or one column a class')
    p.add_argument('--out', type=Path, default=Path('report.html'), help='default: report.html')
    p.add_argument('--baseline', metavar='NAME', help='compare the best with this method class by class')
    p.add_argument('--counts', help='training counts of predictions that have none: .json, .npz of NpzImages')
    p.add_argument('--title')
    p.add_argument('--errors', type=int, default=60, help='thumbnails of wrong tail images, at most 200 (default: 60)')


def run(args):
    try:
        from mmlt.report.page import write_report
        from mmlt.report.progress import progress_bar
    except ImportError as error:
        raise ValueError(f'the report needs {error.name}: pip install "mmlt[report]"') from None
    if not args.runs and not args.predictions:
        raise ValueError('nothing to report: give a RUN, such as work_dirs/demo, or --predictions FILE')
    if not 0 <= args.errors <= 200:
        raise ValueError(f'--errors {args.errors}: from 0 to 200')
    counts = read_training_counts(args.counts) if args.counts else None
    answer = []
    with progress_bar() as (_, progress):
        page = write_report(args.runs, args.out, args.predictions, args.baseline, counts, args.title, args.errors,
                            progress=progress, say=answer.extend)
    print('\n'.join(answer))
    print(f'Report: {page.resolve()} ({page.stat().st_size / 1e6:.1f} MB)\nNext: open it in a browser; '
          '--baseline METHOD compares the best with another method class by class')


def after_training(folder):
    """Write FOLDER/report.html where something was predicted; a finished training does not fail for its page."""
    folder = Path(folder)
    if not any(folder.rglob('predictions.npz')):
        return
    try:
        from mmlt.report.page import write_report
        print(f'Report: {write_report([folder], folder / "report.html")}')
    except ImportError as error:
        print(f'No report, which needs {error.name}: pip install "mmlt[report]"')
    except Exception as error:
        print(f'No report: {type(error).__name__}: {error}')


def read_training_counts(path):
    """(C,) from a .json of counts, or of the training labels of an .npz."""
    import numpy as np

    from mmlt.data.annotations import read_counts
    from mmlt.report.page.predictions import DAMAGED
    if str(path).endswith('.npz'):
        try:
            with np.load(path, allow_pickle=False) as file:
                key = next((key for key in ('train_labels', 'y_train', 'labels') if key in file.files), None)
                if key is None:
                    raise ValueError(f'it has {", ".join(file.files)}')
                return np.bincount(file[key].ravel().astype(int))
        except (ValueError, AttributeError, *DAMAGED) as error:
            raise ValueError(f'{path} has no train_labels to count: {error}') from None
    return np.asarray(read_counts(path, 'image'))


def main(args=None):
    from . import run_alone
    run_alone(__doc__, add_arguments, run, args)

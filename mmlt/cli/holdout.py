"""Hold out a validation list of a folder data set (FOLDER/<class>/<image>), as it is, without thinning.

    mmlt holdout data/signs --val 0.1 --group-regex '([^/]+/\\d+)_' --out data/signs_split

writes train.txt and val.txt, `path label` a line with paths relative to FOLDER, classes.txt, and split.json with the
settings, the class counts and the sha256 of each list. Images of one group (a burst, a patient, a video) stay on one
side, so that the validation set holds nothing that training has nearly seen; groups.csv says which image is of which,
and mmlt refit deals its folds by it. Without groups every image is its own. Of every class at least one image
stays in training.
"""
import argparse
import csv
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmlt.data.folder_lists import scan_folder, write_lists
from mmlt.data.split import hold_out, read_groups


def parse_args(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='holds one folder of images a class')
    parser.add_argument('--out', type=Path, required=True, help='folder for the lists')
    parser.add_argument('--val', type=float, default=0.1, metavar='SHARE', help='to hold out (default: 0.1)')
    groups = parser.add_mutually_exclusive_group()
    groups.add_argument('--group-regex', metavar='REGEX',
                        help="searched in each path relative to FOLDER; what it captures is the group: '(\\d+)_', or "
                             "'([^/]+/\\d+)_' where the numbers start anew in each class")
    groups.add_argument('--group-csv', metavar='FILE', help='with the columns path (relative to FOLDER) and group')
    parser.add_argument('--seed', type=int, default=0, help='of the draw (default: 0)')
    parser.add_argument('--force', action='store_true', help='overwrite lists in --out')
    return parser.parse_args(args)


def split(args):
    """Write the lists; return split.json's content."""
    if args.folder.resolve() in [args.out.resolve(), *args.out.resolve().parents]:
        raise ValueError(f'--out {args.out} lies in {args.folder}, where it would be a class; choose another folder')
    classes, images = scan_folder(args.folder, lambda names: track(names, 'scanning classes'))
    paths = [path for found in images for path in found]
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in images])
    groups = None
    if args.group_regex or args.group_csv:
        groups = read_groups(paths, args.group_regex, args.group_csv)
    out = hold_out(labels, groups, args.val, args.seed)
    rows = list(zip(paths, labels.tolist()))
    lists = {name: [row for row, held in zip(rows, out) if held == wanted]
             for name, wanted in (('train', False), ('val', True))}
    number = len(paths) if groups is None else len(set(groups.tolist()))
    summary = write_lists(args.out, classes, lists, args.force, source=str(args.folder), val=args.val, seed=args.seed,
                          group_regex=args.group_regex, group_csv=args.group_csv, groups=number)
    (args.out / 'groups.csv').unlink(missing_ok=True)
    if groups is not None:
        with open(args.out / 'groups.csv', 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([('path', 'group'), *zip(paths, groups.tolist())])
    report(args, classes, labels, out, number)
    return summary


def report(args, classes, labels, out, number):
    """Print the largest and smallest classes, and those of which nothing could be held out."""
    sizes, held = np.bincount(labels), np.bincount(labels[out], minlength=len(classes))
    table, order = Table('class', 'train', 'val'), np.argsort(-sizes, kind='stable')
    for c in dict.fromkeys([*order[:3], *order[-3:]]):
        table.add_row(classes[c], str(sizes[c] - held[c]), str(held[c]))
    table.add_row('all', str((~out).sum()), str(out.sum()))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(table)
    console.print(f'{len(labels)} images in {number} groups; lists in {args.out}')
    console.print(f'Next: mmlt diagnose {args.out / "train.txt"} --test {args.out / "val.txt"}')
    without = [classes[c] for c in np.flatnonzero(held == 0)]
    if without:
        console.print(f'{len(without)} of {len(classes)} classes have no image in val.txt, their groups are too few or '
                      f'too large: {", ".join(without[:10])}{", ..." if len(without) > 10 else ""}', style='yellow')


def main(args=None):
    try:
        return split(parse_args(args))
    except ImportError as error:
        raise SystemExit(f'error: {error}; pip install "mmlt[split]"') from None
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from None

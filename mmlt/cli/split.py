"""Make a long-tailed split of a folder data set (SRC_DIR/<class>/<image>) and write it as lists.

    mmlt split data/pets/train --out data/pets_lt --imbalance 100 --val 20

writes train.txt (and val.txt, test.txt), `path label` a line with paths relative to SRC_DIR, classes.txt, and
split.json with the settings, the class counts and the sha256 of each list. No image is copied or changed. The largest
classes become the head; classes of equal size keep the order of their names.
"""
import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmlt.core.counts import shot_groups
from mmlt.data.folder_lists import scan_folder, split_images, write_lists

USE = """use it: dict(type='CustomDataset', data_root={src!r},
             ann_file={train!r},
             classes={classes!r}, pipeline=...)"""


def parse_args(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src', type=Path, metavar='SRC_DIR', help='holds one folder of images a class')
    parser.add_argument('--out', type=Path, required=True, help='folder for the lists')
    parser.add_argument('--imbalance', type=float, default=100, help='n_max / n_min (default: 100)')
    parser.add_argument('--kind', choices=['exp', 'step'], default='exp', help='profile (default: exp)')
    parser.add_argument('--seed', type=int, default=0, help='of the draw (default: 0)')
    parser.add_argument('--max', type=int, help='images of the largest class (default: as many as all classes allow)')
    parser.add_argument('--val', type=int, default=0, metavar='N', help='hold out N images a class as val.txt')
    parser.add_argument('--test', type=int, default=0, metavar='N', help='hold out N images a class as test.txt')
    parser.add_argument('--force', action='store_true', help='overwrite lists in --out and remove an old val.txt or '
                                                              'test.txt that is not written anew')
    args = parser.parse_args(args)
    if args.max is not None and args.max < 1:
        parser.error(f'--max {args.max}: the largest class needs at least 1 image')
    return args


def main(args=None):
    args = parse_args(args)
    try:
        if args.src.resolve() in [args.out.resolve(), *args.out.resolve().parents]:
            raise ValueError(f'--out {args.out} lies in {args.src}, where it would be a class; choose another folder')
        classes, images = scan_folder(args.src, lambda names: track(names, 'scanning classes'))
        held_out = {name: number for name, number in (('val', args.val), ('test', args.test)) if number}
        lists = split_images(classes, images, args.imbalance, args.kind, args.seed, args.max, held_out)
        summary = write_lists(args.out, classes, lists, args.force, source=str(args.src), imbalance=args.imbalance,
                              kind=args.kind, seed=args.seed)
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from None
    report(args, summary)


def report(args, summary):
    """Print the groups, the hashes and the config."""
    counts = torch.tensor(summary['class_counts'])
    table = Table('group', 'classes', 'images')
    for name, group in shot_groups(counts).items():
        table.add_row(name, str(int(group.sum())), str(int(counts[group].sum())))
    table.add_row('all', str(len(counts)), str(int(counts.sum())))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(table)
    console.print(f'largest {counts.max()}, smallest {counts.min()}, imbalance {counts.max() / counts.min():.1f}')
    for name, info in summary['lists'].items():
        console.print(f'{args.out / name}: {info["images"]} images, sha256 {info["sha256"]}')
    files = {key: str((args.out / f'{key}.txt').resolve()) for key in ('train', 'classes')}
    console.print(USE.format(src=str(args.src), **files))

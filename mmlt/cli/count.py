"""Count the classes of a training set and write what class_counts='counts.json' reads.

    mmlt count data/lvis/annotations/lvis_v1_train.json --out lvis_counts.json
    mmlt count data/ade/ADEChallengeData2016/annotations/training --reduce-zero-label \\
        --num-classes 150 --out ade20k_pixels.json

The first counts instances and images of a COCO or LVIS file; the second, pixels of a folder of label maps.
"""
import argparse
import json
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from mmlt.core.files import write_text
from mmlt.data.annotations import annotation_counts
from mmlt.data.pixels import pixel_counts


def parse_args(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('subject', type=Path, help='a COCO or LVIS json, or a folder of label maps')
    parser.add_argument('--out', type=Path, required=True, help='the json to write')
    parser.add_argument('--fractal', action='store_true', help='also how evenly each class lies in the image, for the '
                        'overlay fracal (annotations)')
    maps = parser.add_argument_group('label maps')
    maps.add_argument('--num-classes', type=int, help='default: the largest label + 1')
    maps.add_argument('--reduce-zero-label', action='store_true', help='0 is no class, as in ADE20K')
    maps.add_argument('--ignore-index', type=int, default=255, help='label that is not counted (default: 255)')
    maps.add_argument('--suffix', default='.png', help='how the name of a label map ends (default: .png)')
    maps.add_argument('--list', type=Path, help='a text file of names without suffix: count these alone')
    maps.add_argument('--workers', type=int, default=4, help='threads that read (default: 4)')
    return parser.parse_args(args)


def main(args=None):
    args = parse_args(args)
    try:
        result = count(args)
        if not any(result['class_counts']):
            raise ValueError(f'{args.subject} holds no {result["unit"]} to count, in {len(result["class_counts"])} '
                             'classes; give the annotations of a training set')
        write_text(args.out, json.dumps(result) + '\n')
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from None
    counts = result['class_counts']
    present = [n for n in counts if n]
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f'{args.out}: {len(counts)} classes, {sum(counts)} {result["unit"]}s, largest {max(counts)}, '
                  f'smallest {min(present)}, imbalance {max(counts) / min(present):.1f}')
    empty = [result.get('classes', range(len(counts)))[c] for c, n in enumerate(counts) if not n]
    if empty:
        console.print(f'{len(empty)} classes have none: {", ".join(map(str, empty[:10]))}'
                      f'{", ..." if len(empty) > 10 else ""}; a loss that needs their prior refuses them')
    if args.fractal:
        console.print(f'Next: mmlt test CONFIG fracal CHECKPOINT --set default_hooks.fracal.file={args.out}',
                      markup=False)
    console.print(f"Next: class_counts='{args.out}' of a loss or of ClassCountsHook reads it")


def count(args):
    """The json's content."""
    if not args.subject.exists():
        raise FileNotFoundError(f'{args.subject} does not exist; expected a json file or a folder of label maps')
    if args.subject.is_file():
        if args.subject.name.endswith(args.suffix):
            raise ValueError(f'{args.subject} is a single label map; give their folder, {args.subject.parent}')
        if given := [name for name in ('num_classes', 'reduce_zero_label', 'list') if getattr(args, name)]:
            raise ValueError(f'--{given[0].replace("_", "-")} is for a folder of label maps, {args.subject} is a file, '
                             'which lists its own classes; leave the option out')
        with Console().status(f'counting {args.subject}'):
            return dict(annotation_counts(args.subject, fractal=args.fractal), unit='instance')
    if args.fractal:
        raise ValueError(f'--fractal is for the boxes of a COCO or LVIS json, {args.subject} is a folder; leave it out')
    names = args.list and args.list.read_text().split()
    if long := [name for name in names or () if len(name) > 255]:
        raise ValueError(f'{args.list} is no list of label maps: {long[0][:20]}... is longer than a file name')
    counts = pixel_counts(args.subject, args.num_classes, args.reduce_zero_label, args.ignore_index, args.suffix,
                          names, args.workers, partial(track, description='counting pixels'))
    return dict(class_counts=counts.tolist(), unit='pixel')

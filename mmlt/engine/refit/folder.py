"""Training and test lists of a folder of classes.  C classes."""
import json
from pathlib import Path

import numpy as np
import torch

from ...core.dist import rank, world_size
from ...data.folder_lists import scan_folder, write_lists
from ...data.split import hold_out

TESTS = ('test', 'val', 'valid', 'validation')


def folder_splits(data, out, share=0.2, seed=0):
    """What to train, choose settings and test on, as configs of ``CustomDataset`` without pipelines, and class names.

    Args:
        data (str): a folder with train/ and test/ or val/ (with both, settings are chosen on val/); one of classes, of
            which ``share`` is held out for testing; or one with the lists of ``mmlt split`` or ``mmlt holdout``.
        out (Path): the lists of a folder go there.

    Returns:
        tuple: ``{'train': dict, 'test': dict}``, with ``'val'`` where there is one, and C names.

    Raises:
        FileNotFoundError, ValueError: no such folder, no classes in it, no test images, or test classes that training
            has not.
    """
    data = Path(data)
    if not data.is_dir():
        raise FileNotFoundError(f'--data {data} is no folder; give one with a folder of images for each class')
    if (data / 'train.txt').is_file():
        return listed(data)
    if (data / 'train').is_dir():
        return subfolders(data, out)
    classes, images = scan_folder(data)
    rows = [(path, c) for c, paths in enumerate(images) for path in paths]
    held = hold_out(np.array([c for _, c in rows]), share=share, seed=seed)
    lists = {name: [row for row, h in zip(rows, held) if h == wanted] for name, wanted in (('train', False),
                                                                                          ('test', True))}
    write_once(out, classes, lists, source=str(data), share=share, seed=seed)
    return {name: dataset(data, Path(out, f'{name}.txt'), classes) for name in lists}, classes


def subfolders(data, out):
    """data/train/<class>, and the same in test or val."""
    found = [name for name in TESTS if (data / name).is_dir()]
    if not found:
        raise ValueError(f'{data} has train but none of {", ".join(TESTS)}; give {data / "train"}, of which a part is '
                         'then held out')
    classes, lists = scan_folder(data / 'train')[0], {}
    for split, name in zip(('train', 'test', 'val'), ('train', *found)):
        names, images = scan_folder(data / name)
        if foreign := sorted(set(names) - set(classes)):
            raise ValueError(f'{data / name} has the class {foreign[0]!r}, which {data / "train"} has not')
        lists[split] = [(f'{name}/{path}', classes.index(c)) for c, paths in zip(names, images) for path in paths]
    write_once(out, classes, lists, source=str(data))
    return {name: dataset(data, Path(out, f'{name}.txt'), classes) for name in lists}, classes


def listed(data):
    """The lists of ``mmlt split`` and ``mmlt holdout``, beside the folder that split.json names."""
    for name in ('split.json', 'classes.txt'):
        if not (data / name).is_file():
            raise FileNotFoundError(f'{data} has train.txt and no {name}; mmlt split and mmlt holdout write both')
    classes = (data / 'classes.txt').read_text(encoding='utf-8').splitlines()
    root = json.loads((data / 'split.json').read_text(encoding='utf-8'))['source']
    found = [name for name in TESTS if (data / f'{name}.txt').is_file()]
    if not found:
        raise ValueError(f'{data} has no test.txt and no val.txt; mmlt holdout {root} writes one')
    return {split: dataset(root, data / f'{name}.txt', classes)
            for split, name in zip(('train', 'test', 'val'), ('train', *found))}, classes


def write_once(out, classes, lists, **settings):
    """By the first rank; the others wait."""
    if rank() == 0:
        write_lists(out, classes, lists, force=True, **settings)
    if world_size() > 1:
        torch.distributed.barrier()


def dataset(root, file, classes):
    return dict(type='CustomDataset', data_root=str(Path(root).resolve()), ann_file=str(Path(file).resolve()),
                metainfo=dict(classes=list(classes)))

"""Any labelled image data, read for the diagnosis: what it holds, without a copy of it.  N images, C classes."""
import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...data.annotations import annotation_counts
from ...data.folder_lists import scan_folder
from ...data.labels import Ragged, labels_of

TRAIN, TEST = ('train', 'training'), ('test', 'val', 'valid', 'validation')
KINDS = ('a folder of classes, a list of "path label" lines (.txt, .csv), an .npz, a .json of counts or COCO/LVIS '
         'annotations, a config (.py), or a folder that HuggingFace datasets saved')


@dataclass
class Split:
    """Labels (N,) and what each image is: a path, an array (H, W[, 3]), or an index of ``source``."""
    labels: np.ndarray
    items: list
    source: object = None

    def image(self, i):
        """A PIL image in RGB."""
        from PIL import Image
        item = self.items[i] if self.source is None else self.source(self.items[i])
        if isinstance(item, (str, Path)):
            with Image.open(item) as image:
                return image.convert('RGB')
        if isinstance(item, np.ndarray):
            return Image.fromarray(np.ascontiguousarray(item)).convert('RGB')
        return item.convert('RGB')

    def name(self, i):
        item = self.items[i]
        return str(item) if isinstance(item, (str, Path)) else f'image {i}'


@dataclass
class Data:
    """What is diagnosed: training counts (C,), and splits where there are images or labels."""
    path: Path
    kind: str
    classes: list
    counts: np.ndarray
    splits: dict = field(default_factory=dict)
    task: str = 'cls'
    config: dict = None
    unlabelled_test: bool = False

    @property
    def train(self):
        return self.splits.get('train')

    @property
    def test(self):
        return self.splits.get('test')


def read_data(path, test=None):
    """Read DATA of any kind.

    Args:
        path (str): a folder of classes, a list of ``path label`` lines (.txt, .csv), an .npz, a .json of counts or
            COCO/LVIS annotations, a config (.py), or a folder that HuggingFace datasets saved.
        test (str, optional): list of the test images, beside a training list.

    Raises:
        ValueError: it is none of these, or damaged, or no list where ``test`` is one.
        FileNotFoundError: there is no such path.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'there is no {path}')
    if test and (path.is_dir() or not path.name.endswith(('.txt', '.csv', '.txt.gz', '.csv.gz'))):
        raise ValueError(f'--test {test} goes beside a list of training images, {path} is none; put folders of '
                         'training and test images side by side, as FOLDER/train and FOLDER/test, and give FOLDER')
    if path.is_dir():
        saved = any((path / name).is_file() for name in ('dataset_dict.json', 'state.json'))
        return _huggingface(path) if saved else _folder(path)
    suffix = path.name.removesuffix('.gz').rpartition('.')[2].lower()
    readers = dict(npz=_npz, json=_json, py=_config, txt=_list, csv=_list)
    if suffix not in readers:
        raise ValueError(f'{path} is of no kind that can be diagnosed: give {KINDS}')
    return _list(path, test) if readers[suffix] is _list else readers[suffix](path)


def _of_splits(path, kind, classes, splits, **kwargs):
    if 'train' not in splits:
        raise ValueError(f'{path} has no training set')
    train = splits['train']
    size = max([len(classes), *(int(s.labels.max(initial=-1)) + 1 for s in splits.values())])
    classes = [str(c) for c in classes] + [f'class {c}' for c in range(len(classes), size)]
    return Data(path, kind, classes, np.bincount(train.labels, minlength=size), splits, **kwargs)


def _folder(path):
    inside = {child.name: child for child in path.iterdir() if child.is_dir()}
    parts = {name: next((inside[n] for n in names if n in inside), None) for name, names in
             (('train', TRAIN), ('test', TEST))}
    if parts['train'] is None:
        parts = {'train': path, 'test': None}
    found = {name: scan_folder(folder) for name, folder in parts.items() if folder}
    classes = sorted({c for names, _ in found.values() for c in names})
    index, splits = {c: i for i, c in enumerate(classes)}, {}
    for name, (names, images) in found.items():
        labels = np.concatenate([np.full(len(files), index[c]) for c, files in zip(names, images)])
        splits[name] = Split(labels, [parts[name] / file for files in images for file in files])
    return _of_splits(path, 'folder', classes, splits)


def _list(path, test=None):
    read = {name: _lines(Path(file)) for name, file in (('train', path), ('test', test)) if file}
    labels = [label for _, column in read.values() for label in column]
    numbers = all(label.lstrip('-').isdigit() for label in labels)
    root, names = _made_by_split(path)
    classes = names if numbers else sorted(set(labels))
    from_one = numbers and not names and min(map(int, labels)) == 1  # then no class 0 without an image is made up
    if from_one:
        classes = [str(c) for c in range(1, max(map(int, labels)) + 1)]
    index = {c: i for i, c in enumerate(classes)}
    splits = {}
    for name, (files, column) in read.items():
        values = np.array([int(c) - from_one if numbers else index[c] for c in column])
        if values.min() < 0:
            raise ValueError(f'{path} has the label {values.min()}; classes count from 0')
        splits[name] = Split(values, [root / file for file in files])
    return _of_splits(path, 'list, whose labels count from 1' if from_one else 'list', classes, splits)


def _made_by_split(path):
    """The folder to which a list's paths belong, and class names: what mmlt holdout and mmlt split wrote beside it."""
    record, names = path.with_name('split.json'), path.with_name('classes.txt')
    root = Path(json.loads(record.read_text()).get('source', path.parent)) if record.is_file() else path.parent
    return root, names.read_text().splitlines() if record.is_file() and names.is_file() else []


def _lines(path):
    separator = ',' if '.csv' in path.name else None
    with (gzip.open if path.suffix == '.gz' else open)(path, 'rt', encoding='utf-8-sig') as file:
        rows = [line.strip().rsplit(separator, 1) for line in file if line.strip()]
    if rows and separator and rows[0][-1].strip().lower() in ('label', 'class', 'target'):
        rows = rows[1:]
    if not rows or any(len(row) != 2 for row in rows):
        bad = next((row for row in rows if len(row) != 2), '')
        raise ValueError(f'{path}: expected "path label" in each line, got {bad}')
    return [row[0].strip() for row in rows], [row[1].strip() for row in rows]


def _npz(path):
    with np.load(path, allow_pickle=False) as file:
        data = {key: file[key] for key in file.files}
    if 'train_labels' not in data:
        raise ValueError(f'{path} has no train_labels; it has {", ".join(data)}')
    names = data.get('class_names', data.get('classes', []))
    splits = {}
    for name in ('train', 'test', 'val'):
        if f'{name}_labels' in data and (name != 'val' or 'test' not in splits):
            images = data.get(f'{name}_images')
            if images is not None and images.ndim == 4 and images.shape[1] == 3 and images.shape[3] != 3:
                raise ValueError(f'{path}: {name}_images are {images.shape}, expected (N, H, W, 3); a pack whose '
                                 'images are coded must be unpacked first')
            labels = data[f'{name}_labels'].ravel().astype(np.int64)
            images = None if images is None else images[..., 0] if images.shape[-1] == 1 else images
            splits['train' if name == 'train' else 'test'] = Split(labels, images if images is not None else [])
    return _of_splits(path, 'npz', names, splits)


def _json(path):
    content = json.loads(path.read_text())
    if isinstance(content, dict) and 'annotations' in content:
        counts = annotation_counts(path)
        return Data(path, 'annotations', counts['classes'], np.array(counts['image_counts']), task='det')
    if isinstance(content, dict):
        content = content.get('image_counts') or content.get('class_counts') or content.get('counts')
    if not isinstance(content, list) or not all(isinstance(n, int) and n >= 0 for n in content):
        raise ValueError(f'{path} holds neither a list of counts nor COCO or LVIS annotations')
    return Data(path, 'counts', [f'class {c}' for c in range(len(content))], np.array(content))


def _config(path):
    from mmengine.registry import DATASETS, init_default_scope

    from ...engine.overlays.files import read
    cfg = read(path)
    scope = cfg.get('default_scope', 'mmpretrain')
    init_default_scope(scope)
    splits, classes = {}, []
    for name, key in (('train', 'train_dataloader'), ('test', 'test_dataloader')):
        if cfg.get(key):
            try:
                dataset = DATASETS.build(cfg[key]['dataset'])
            except (KeyError, TypeError, AssertionError) as error:
                raise ValueError(f'{path}: the data set of {key} cannot be built: {error}') from error
            labels = labels_of(dataset)
            if isinstance(labels, Ragged):
                raise ValueError(f'{path}: images with several labels; give the annotation file (.json) instead')
            classes = (getattr(dataset, 'metainfo', None) or {}).get('classes') or classes
            splits[name] = Split(np.asarray(labels), range(len(labels)), _Reader(dataset))
    return _of_splits(path, 'config', classes, splits, config=cfg.to_dict())


class _Reader:
    """The image of an index: the file or array that a data set's record names."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __call__(self, i):
        info = self.dataset.get_data_info(i) if hasattr(self.dataset, 'get_data_info') else {}
        if 'img' in info:
            return np.asarray(info['img'])
        if 'img_path' in info:
            return info['img_path']
        image = self.dataset[i]['inputs'] if isinstance(self.dataset[i], dict) else self.dataset[i][0]
        return np.asarray(image.permute(1, 2, 0)) if hasattr(image, 'permute') else np.asarray(image)


def _huggingface(path):
    try:
        import datasets
    except ImportError:
        raise ValueError(f'{path} was saved by HuggingFace datasets: pip install datasets') from None
    loaded = datasets.load_from_disk(str(path))
    loaded = loaded if isinstance(loaded, dict) else {'train': loaded}
    first = next(iter(loaded.values()))
    label = next((k for k in ('label', 'labels', 'fine_label') if k in first.features), None) or next(
        (k for k, f in first.features.items() if type(f).__name__ == 'ClassLabel'), None)
    image = next((k for k, f in first.features.items() if type(f).__name__ == 'Image'), None)
    if label is None:
        raise ValueError(f'{path} has no column label; it has {", ".join(first.features)}')
    splits = {}
    for name, names in (('train', TRAIN), ('test', TEST)):
        part = next((loaded[n] for n in names if n in loaded), None)
        if part is not None:
            items = range(len(part)) if image else []
            splits[name] = Split(np.array(part[label]), items, lambda i, part=part: part[int(i)][image])
    if 'train' not in splits:
        raise ValueError(f'{path} has no split train; it has {", ".join(loaded)}')
    return _of_splits(path, 'huggingface', getattr(first.features[label], 'names', None) or [], splits)



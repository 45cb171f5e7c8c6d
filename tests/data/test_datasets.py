"""The data sets on files in the official formats, on the real packs and lists where they are, and in a Runner."""
import gzip
import hashlib
import importlib.util
import io
import json
import pickle
import sys
import zipfile
from pathlib import Path

import cv2
import mmengine
import numpy as np
import pytest
from mmengine.dataset import RepeatDataset, pseudo_collate
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Subset

import mmlt  # noqa: F401  (registers)
from mmlt.data.datasets import (
    CIFAR10LT,
    CIFAR100LT,
    DigitsLT,
    ImageNetLT,
    INaturalist2018,
    LongTailSubset,
    NpzImages,
    PlacesLT,
)
from mmlt.data.labels import labels_of
from mmlt.data.longtail import long_tail_indices, shuffled_classes

SHARED = Path(__file__).parents[2] / '../shared/data'
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason='the packs and lists of ../shared/data are missing')
DOWNLOAD = 'mmpretrain.datasets.cifar.download_and_extract_archive'
PACK = [dict(type='PackInputs')]


# --- CIFAR ---

@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """Small files in the official formats; the checksum tables of the classes are theirs."""
    rng = np.random.default_rng(0)

    def write(cls, folder, per_file, key):
        num_classes = len(cls.METAINFO['classes'])
        (tmp_path / folder).mkdir()
        for table in ('train_list', 'test_list'):
            rows = []
            for name, _ in getattr(cls, table):
                labels = rng.permutation(np.repeat(np.arange(num_classes), per_file)).tolist()
                data = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
                content = pickle.dumps({key: labels, 'data': data}, protocol=2)
                (tmp_path / folder / name).write_bytes(content)
                rows.append([name, hashlib.md5(content).hexdigest()])
            monkeypatch.setattr(cls, table, rows)
    write(CIFAR10LT, 'cifar-10-batches-py', 4, 'labels')
    write(CIFAR100LT, 'cifar-100-python', 10, 'fine_labels')
    return tmp_path


def read_cifar(folder, names):
    labels, images = [], []
    for name in names:
        content = pickle.loads((folder / name).read_bytes())
        labels += content.get('labels', content.get('fine_labels'))
        images += list(content['data'].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return np.array(labels), images


@pytest.mark.parametrize('cls, folder, n_max', [(CIFAR10LT, 'cifar-10-batches-py', 20),
                                                (CIFAR100LT, 'cifar-100-python', 10)])
@pytest.mark.parametrize('kind', ['exp', 'step'])
def test_cifar_is_the_ldam_draw_of_the_official_files(cifar, cls, folder, n_max, kind):
    labels, images = read_cifar(cifar / folder, [name for name, _ in cls.train_list])
    indices = long_tail_indices(labels, len(cls.METAINFO['classes']), 5, kind, 0)
    dataset = cls(data_root=str(cifar), imbalance=5, kind=kind)
    assert dataset.get_gt_labels().tolist() == labels[indices].tolist()
    assert (dataset.get_gt_labels() == 0).sum() == n_max
    for k in (0, len(dataset) // 2, len(dataset) - 1):
        assert (dataset[k]['img'] == images[indices[k]]).all()
    assert dataset[0]['img'].dtype == np.uint8
    other = cls(data_root=str(cifar), imbalance=5, kind=kind, seed=1)
    assert len(other) == len(dataset)
    assert any((a['img'] != b['img']).any() for a, b in zip(dataset, other))


def test_cifar_test_split_is_untouched(cifar):
    labels, images = read_cifar(cifar / 'cifar-10-batches-py', ['test_batch'])
    dataset = CIFAR10LT(data_root=str(cifar), split='test', imbalance=5)
    assert dataset.get_gt_labels().tolist() == labels.tolist()
    assert (dataset[7]['img'] == images[7]).all()


@pytest.mark.parametrize('download', [False, True])
def test_cifar_wrong_checksum_is_named_and_nothing_changes(cifar, download, monkeypatch):
    monkeypatch.setattr(DOWNLOAD, lambda *a, **k: pytest.fail('download'))
    path = cifar / 'cifar-10-batches-py' / 'data_batch_3'
    path.write_bytes(path.read_bytes()[:-100])
    before = {p: p.read_bytes() for p in cifar.rglob('*') if p.is_file()}
    with pytest.raises(ValueError) as error:
        CIFAR10LT(data_root=str(cifar), imbalance=5, download=download)
    for part in (str(path), hashlib.md5(path.read_bytes()).hexdigest(), CIFAR10LT.train_list[2][1], CIFAR10LT.url):
        assert part in str(error.value)
    assert {p: p.read_bytes() for p in cifar.rglob('*') if p.is_file()} == before
    CIFAR10LT(data_root=str(cifar), split='test')  # its file is sound


@pytest.mark.parametrize('download', [False, True])
def test_cifar_missing_file_says_what_to_get(cifar, download, monkeypatch):
    monkeypatch.setattr(DOWNLOAD, lambda *a, **k: pytest.fail('download'))
    (cifar / 'cifar-10-batches-py' / 'data_batch_2').unlink()
    with pytest.raises(FileNotFoundError, match=r'data_batch_2 is missing; download https://.*/cifar-10-python.tar.gz'):
        CIFAR10LT(data_root=str(cifar), download=download)


def test_cifar_downloads_only_when_asked_into_an_empty_folder(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(DOWNLOAD, lambda *a, **k: calls.append(a))
    with pytest.raises(FileNotFoundError):
        CIFAR10LT(data_root=str(tmp_path))
    assert not calls
    with pytest.raises(AssertionError):  # MMPretrain's, as the stub brought nothing
        CIFAR10LT(data_root=str(tmp_path), download=True)
    assert len(calls) == 1
    (tmp_path / CIFAR10LT.filename).write_bytes(b'of the user')
    with pytest.raises(FileNotFoundError, match='extract it'):
        CIFAR10LT(data_root=str(tmp_path), download=True)
    assert len(calls) == 1


def test_the_checksum_tables_are_the_official_ones():
    from mmpretrain.datasets import CIFAR10, CIFAR100
    assert CIFAR10LT.train_list == CIFAR10.train_list and CIFAR100LT.train_list == CIFAR100.train_list


@needs_shared
def test_real_cifar10_draw_agrees_with_ours():
    """The pack holds, in draw order, the official positions of LDAM's images of imbalance 10. Which positions a class
    has is known only for class 0 (all 5000 drawn); for the others their ranks must be those of our shuffle."""
    with np.load(SHARED / 'cifar10_lt.npz') as pack:
        index, labels = pack['train_index'].astype(np.int64), pack['train_labels'].astype(np.int64)
    ours = shuffled_classes(np.repeat(np.arange(10), 5000), 10)
    first = np.sort(index[labels == 0])
    assert len(first) == 5000
    assert (first[ours[0]] == index[labels == 0]).all()
    for c in range(1, 10):
        theirs = index[labels == c]
        assert (np.argsort(theirs) == np.argsort(ours[c][:len(theirs)])).all()


# --- official lists ---

def write_images(root, paths):
    for k, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), np.full((10, 12, 3), k, np.uint8))


def unzip(name, folder):
    (folder / name).write_bytes(gzip.decompress((SHARED / 'lists' / f'{name}.gz').read_bytes()))


@needs_shared
@pytest.mark.parametrize('cls, stem, split, total, per_class', [
    (PlacesLT, 'Places_LT', 'train', 62500, None), (PlacesLT, 'Places_LT', 'val', 7300, 20),
    (PlacesLT, 'Places_LT', 'test', 36500, 100), (ImageNetLT, 'ImageNet_LT', 'val', 20000, 20),
    (ImageNetLT, 'ImageNet_LT', 'test', 50000, 50)])
def test_real_lists(tmp_path, cls, stem, split, total, per_class):
    unzip(f'{stem}_{split}.txt', tmp_path)
    with open(tmp_path / f'{stem}_{split}.txt') as f:
        write_images(tmp_path, [next(f).split()[0] for _ in range(8)])
    dataset = cls(data_root=str(tmp_path), split=split)
    counts = np.bincount(dataset.get_gt_labels(), minlength=cls.NUM_CLASSES)
    assert len(dataset) == total and len(counts) == cls.NUM_CLASSES == len(dataset.CLASSES)
    if per_class:
        assert (counts == per_class).all()
    else:
        assert (counts.max(), counts.min()) == (4980, 5)
        assert ((counts > 100).sum(), ((counts >= 20) & (counts <= 100)).sum(), (counts < 20).sum()) == (131, 163, 71)
        known = json.loads((SHARED / 'counts/lt_class_counts.json').read_text())['Places_LT_train']['counts']
        assert counts.tolist() == known
    assert dataset.CLASSES[0] == {PlacesLT: 'airfield', ImageNetLT: 'tench, Tinca tinca'}[cls]
    assert len(set(dataset.CLASSES)) > 0.99 * cls.NUM_CLASSES


def write_places(root, lines):
    (root / 'Places_LT_train.txt').write_text(''.join(line + '\n' for line in lines))


def test_list_with_spaces_and_missing_classes(tmp_path):
    lines = ['train/alley/an image.jpg 2', 'train/bar/b.jpg 0', '']
    write_places(tmp_path, lines)
    write_images(tmp_path, ['train/alley/an image.jpg', 'train/bar/b.jpg'])
    dataset = PlacesLT(data_root=str(tmp_path), pipeline=[dict(type='LoadImageFromFile'), *PACK])
    assert dataset.get_gt_labels().tolist() == [2, 0]
    assert dataset.CLASSES[:3] == ('bar', 'class 1', 'alley') and len(dataset.CLASSES) == 365
    assert dataset[0]['inputs'].shape == (3, 10, 12)
    small = PlacesLT(data_root=str(tmp_path), classes=['a', 'b', 'c'])
    assert small.CLASSES == ('a', 'b', 'c')
    with pytest.raises(ValueError, match=r'an image\.jpg has the label 2, expected 0 <= label < 2'):
        PlacesLT(data_root=str(tmp_path), classes=['a', 'b'])


@pytest.mark.parametrize('line, message', [('train/bar/b.jpg 365', r'label 365, expected 0 <= label < 365'),
                                           ('train/bar/b.jpg -1', 'label -1'),
                                           ('train/bar/b.jpg', 'line 2: expected "path label"'),
                                           ('train/bar/b.jpg x', 'line 2: expected "path label"')])
def test_bad_lines(tmp_path, line, message):
    write_places(tmp_path, ['train/bar/a.jpg 0', line])
    write_images(tmp_path, ['train/bar/a.jpg', 'train/bar/b.jpg'])
    with pytest.raises(ValueError, match=message):
        PlacesLT(data_root=str(tmp_path))


@pytest.mark.parametrize('cls, where', [(PlacesLT, 'places365standard_easyformat.tar'), (ImageNetLT, 'ILSVRC2012'),
                                        (INaturalist2018, 'train_val2018.tar.gz')])
def test_missing_list_and_missing_images_say_what_to_get(tmp_path, cls, where):
    with pytest.raises(FileNotFoundError, match=rf'{cls.FILES["val"]} is missing; get .*http.*data_root'):
        cls(data_root=str(tmp_path), split='val')
    (tmp_path / 'list.txt').write_text('train/bar/a.jpg 0\n')
    with pytest.raises(FileNotFoundError, match=rf'train/bar/a.jpg, an image of .*list.txt, is missing; get.*{where}'):
        cls(data_root=str(tmp_path), ann_file='list.txt')
    (tmp_path / 'list.txt').write_text('\n')
    with pytest.raises(ValueError, match='lists no image'):
        cls(data_root=str(tmp_path), ann_file='list.txt')


@pytest.fixture
def inat(tmp_path):
    labels = {13: 7, 11: 7, 12: 3}
    images = [dict(id=k, file_name=f'train_val2018/Plantae/{labels[k]}/{k}.jpg', width=12) for k in (11, 12, 13)]
    content = dict(images=images, annotations=[dict(id=k, image_id=k, category_id=c) for k, c in labels.items()],
                   categories=[dict(id=c, name=f'species {c}', supercategory='Plantae') for c in range(8142)])
    (tmp_path / 'train2018.json').write_text(json.dumps(content))
    write_images(tmp_path, [image['file_name'] for image in images])
    return tmp_path


def test_inaturalist_json_and_text_list(inat):
    dataset = INaturalist2018(data_root=str(inat))
    assert dataset.get_gt_labels().tolist() == [7, 7, 3]
    assert dataset.get_data_info(0)['img_path'].endswith('train_val2018/Plantae/7/13.jpg')
    assert dataset.CLASSES[8141] == 'species 8141' and len(dataset.CLASSES) == 8142
    (inat / 'iNaturalist18_train.txt').write_text('train_val2018/Plantae/3/12.jpg 3\n')
    assert INaturalist2018(data_root=str(inat), ann_file='iNaturalist18_train.txt').get_gt_labels().tolist() == [3]


def test_bad_inaturalist_json(inat):
    path = inat / 'train2018.json'
    content = path.read_text()
    for broken in (content[:-20], '[]', content.replace('category_id', 'category')):
        path.write_text(broken)
        with pytest.raises(ValueError, match='truncated or not the official json'):
            INaturalist2018(data_root=str(inat))
    path.write_text(content.replace('"category_id": 3', '"category_id": 8142'))
    with pytest.raises(ValueError, match='label 8142'):
        INaturalist2018(data_root=str(inat))
    with pytest.raises(ValueError, match=r"splits \['train', 'val'\], got 'test'"):
        INaturalist2018(data_root=str(inat), split='test')


# --- npz ---

def write_npz(path, **changes):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, number in (('train', 6), ('val', 3), ('test', 4)):
        arrays[f'{split}_images'] = rng.integers(0, 256, (number, 8, 9, 3), dtype=np.uint8)
        arrays[f'{split}_labels'] = np.arange(number).reshape(-1, 1) % 4
    arrays.update(changes)
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return arrays


def test_npz_reads_medmnist_files(tmp_path):
    arrays = write_npz(tmp_path / 'a.npz')
    for split in ('train', 'val', 'test'):
        dataset = NpzImages('a.npz', split=split, data_root=str(tmp_path))
        assert dataset.get_gt_labels().tolist() == arrays[f'{split}_labels'].ravel().tolist()
        assert (dataset[2]['img'] == arrays[f'{split}_images'][2]).all()
        assert dataset.CLASSES == ('class 0', 'class 1', 'class 2', 'class 3')
    assert NpzImages(str(tmp_path / 'a.npz'), classes=['a', 'b', 'c', 'd']).CLASSES == ('a', 'b', 'c', 'd')


@pytest.mark.parametrize('shape', [(6, 8, 9), (6, 8, 9, 1)])
def test_npz_grey_becomes_rgb(tmp_path, shape):
    images = np.arange(432, dtype=np.uint8).reshape(shape)
    write_npz(tmp_path / 'a.npz', train_images=images, train_labels=np.arange(6), class_names=np.array(list('abcdef')))
    dataset = NpzImages(str(tmp_path / 'a.npz'))
    assert dataset.CLASSES == ('a', 'b', 'c', 'd', 'e', 'f')
    assert dataset[3]['img'].shape == (8, 9, 3)
    assert (dataset[3]['img'] == images[3].reshape(8, 9, 1)).all()


@pytest.mark.parametrize('changes, message', [
    (dict(train_images=None), "lacks train_images or train_labels; it holds"),
    (dict(train_labels=np.arange(5)), '6 train_images, but 5 labels'),
    (dict(train_images=np.zeros((6, 8, 9, 3))), r'float64 \(6, 8, 9, 3\), expected uint8'),
    (dict(train_images=np.zeros((6, 3, 8, 9), np.uint8)), r'uint8 \(6, 3, 8, 9\), expected'),
    (dict(train_images=np.zeros((6, 8, 8, 8, 1), np.uint8)), r'\(6, 8, 8, 8, 1\), expected'),
    (dict(train_labels=np.zeros((6, 14), int)), r'\(6, 14\), expected integers'),
    (dict(train_labels=np.zeros(6)), 'float64'),
    (dict(train_labels=np.array([0, 1, -2, 3, 0, 1])), 'train_labels holds -2 to 3, expected labels from 0 on'),
    (dict(class_names=np.array(['a', 'b'])), r'train_labels\[2\] is 2, expected 0 <= label < 2'),
    (dict(train_labels=np.array([object()] * 6)), 'truncated or not an .npz of plain arrays'),
])
def test_bad_npz_arrays(tmp_path, changes, message):
    write_npz(tmp_path / 'a.npz', **changes)
    with pytest.raises(ValueError, match=message):
        NpzImages(str(tmp_path / 'a.npz'))


def test_truncated_or_missing_npz(tmp_path):
    path = tmp_path / 'a.npz'
    with pytest.raises(FileNotFoundError, match=r'a\.npz is missing'):
        NpzImages(str(path))
    write_npz(path)
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[content.index(b'NUMPY') + 200] ^= 255
    for broken in (content[:len(content) // 2], content[:-1], b'', b'no zip', bytes(damaged)):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r'truncated or not an \.npz'):
            NpzImages(str(path))
    np.save(tmp_path / 'b.npy', np.zeros(3))
    with pytest.raises(ValueError, match=r'truncated or not an \.npz'):
        NpzImages(str(tmp_path / 'b.npy'))


@needs_shared
def test_npz_reads_an_unpacked_pack(tmp_path):
    spec = importlib.util.spec_from_file_location('unpack', SHARED / 'unpack.py')
    unpack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(unpack)
    data = unpack.load(SHARED / 'cifar10_lt_mini.npz')
    np.savez(tmp_path / 'mini.npz', **data)
    train = NpzImages('mini.npz', data_root=str(tmp_path))
    counts = np.bincount(train.get_gt_labels())
    assert (len(train), counts.max(), counts.min()) == (2516, 900, 18)
    assert train.CLASSES[0] == 'airplane' and len(train.CLASSES) == 10
    assert (train[5]['img'] == data['train_images'][5]).all()
    assert len(NpzImages('mini.npz', split='test', data_root=str(tmp_path))) == 1000
    with pytest.raises(ValueError, match='lacks val_images'):
        NpzImages('mini.npz', split='val', data_root=str(tmp_path))
    with pytest.raises(ValueError, match=r'expected uint8 \(N, H, W\)'):
        NpzImages(str(SHARED / 'cifar10_lt_mini.npz'))  # the pack itself holds residuals


# --- digits ---

def test_digits_counts_and_splits():
    train, test = DigitsLT(), DigitsLT(split='test', size=16)
    assert np.bincount(train.get_gt_labels()).tolist() == [124, 80, 51, 33, 21, 14, 9, 5, 3, 2]
    assert np.bincount(test.get_gt_labels()).tolist() == [50] * 10
    assert train[0]['img'].shape == (32, 32, 3) and test[0]['img'].shape == (16, 16, 3)
    assert train[0]['img'].dtype == np.uint8 and train[0]['img'].max() > 200


def test_digits_are_disjoint_and_seeded():
    def images(**kwargs):
        return [info['img'].tobytes() for info in DigitsLT(size=8, **kwargs)]
    assert images(seed=1) == images(seed=1) != images(seed=0)
    assert images(split='test', seed=1) == images(split='test')
    everything = images(imbalance=1) + images(split='test')
    assert len(everything) == 10 * 174 and len(set(everything)) == 10 * 174


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(ImportError, match=r"pip install 'mmlt\[demo\]'"):
        DigitsLT()


@pytest.mark.parametrize('cls', [DigitsLT, CIFAR10LT, PlacesLT, lambda split: NpzImages('a.npz', split=split)])
def test_unknown_split(cls):
    with pytest.raises(ValueError, match="'trainval'"):
        cls(split='trainval')


# --- what all share ---

class TorchStyle:
    """As torchvision's: __getitem__ -> (image, target), ``targets``, ``classes``."""

    def __init__(self):
        self.targets = (np.arange(60) % 3).tolist()
        self.classes = ['a', 'b', 'c']

    def __getitem__(self, idx):
        return idx, self.targets[idx]

    def __len__(self):
        return 60


def test_subset_is_the_draw_of_the_inner_set():
    inner = DigitsLT(imbalance=1, size=8)
    subset = LongTailSubset(inner, imbalance=20, seed=3)
    indices = long_tail_indices(inner.get_gt_labels(), 10, 20, seed=3)
    assert subset.indices.tolist() == indices.tolist()
    assert subset.get_gt_labels().tolist() == inner.get_gt_labels()[indices].tolist()
    assert len(subset) == len(indices) < len(inner)
    for k in (0, 5, len(subset) - 1, -1):
        assert (subset[k]['img'] == inner[int(indices[k])]['img']).all()
        assert subset.get_data_info(k)['gt_label'] == subset.get_gt_labels()[k] == subset.get_cat_ids(k)[0]
    assert subset.CLASSES == inner.CLASSES and subset.metainfo == inner.metainfo


def test_subset_around_cifar10_is_cifar10_lt(cifar):
    from mmpretrain.datasets import CIFAR10

    class Fake(CIFAR10):  # with the checksums of the fake files
        train_list, test_list = CIFAR10LT.train_list, CIFAR10LT.test_list
    subset = LongTailSubset(Fake(data_root=str(cifar), download=False), imbalance=5)
    thinned = CIFAR10LT(data_root=str(cifar), imbalance=5)
    assert len(subset) == len(thinned)
    assert all((a['img'] == b['img']).all() for a, b in zip(subset, thinned))


def test_subset_around_wrappers_and_torch_sets():
    repeated = LongTailSubset(RepeatDataset(DigitsLT(imbalance=1, size=8), 2), imbalance=10)
    assert (repeated.get_gt_labels() == 0).sum() == 248
    assert repeated[0]['img'].shape == (8, 8, 3)
    plain = LongTailSubset(TorchStyle(), imbalance=5)
    assert np.bincount(plain.get_gt_labels()).tolist() == [20, 8, 4]
    assert plain.CLASSES == ['a', 'b', 'c'] and plain[0][1] == 0


def test_subset_pipeline_passes_through():
    subset = LongTailSubset(dict(type='DigitsLT', imbalance=1, size=8), imbalance=10)
    subset.pipeline = lambda info: info['gt_label']
    assert subset[0] == 0 and subset.dataset[0] == 0
    assert subset.pipeline is subset.dataset.pipeline
    assert not hasattr(LongTailSubset(TorchStyle(), imbalance=5), 'pipeline')


def test_subset_of_too_small_a_class():
    with pytest.raises(ValueError, match=r'class 1 has 80 images, the long tail needs 96; n_max <= '):
        LongTailSubset(DigitsLT(imbalance=50, size=8), imbalance=10)
    assert (LongTailSubset(DigitsLT(size=8), imbalance=1, n_max=2).get_gt_labels() == 3).sum() == 2


def test_subset_labels_pass_through_labels_of_and_wrappers():
    subset = LongTailSubset(TorchStyle(), imbalance=5)
    assert labels_of(subset).tolist() == subset.get_gt_labels().tolist()
    assert labels_of(Subset(subset, [0, len(subset) - 1])).tolist() == [0, 2]
    inner = LongTailSubset(Subset(TorchStyle(), range(30, 60)), imbalance=5)
    assert np.bincount(inner.get_gt_labels()).tolist() == [10, 4, 2] and inner.CLASSES is None


def test_subset_of_a_multi_label_set():
    multi = TorchStyle()
    multi.targets = [[0, 1]] * 60
    with pytest.raises(ValueError, match='TorchStyle has several labels an image'):
        LongTailSubset(multi)


@pytest.fixture(params=['DigitsLT', 'CIFAR10LT', 'PlacesLT', 'NpzImages', 'LongTailSubset'])
def cfg(request, tmp_path):
    """A config of each kind of set, packed by MMPretrain's pipeline."""
    load = []
    if request.param == 'DigitsLT':
        cfg = dict(size=8)
    elif request.param == 'CIFAR10LT':
        cfg = dict(data_root=str(request.getfixturevalue('cifar')), imbalance=5)
    elif request.param == 'PlacesLT':
        write_places(tmp_path, [f'train/bar/{k}.png {k % 3}' for k in range(9)])
        write_images(tmp_path, [f'train/bar/{k}.png' for k in range(9)])
        cfg, load = dict(data_root=str(tmp_path)), [dict(type='LoadImageFromFile')]
    elif request.param == 'NpzImages':
        write_npz(tmp_path / 'a.npz')
        cfg = dict(ann_file='a.npz', data_root=str(tmp_path))
    else:
        return dict(type='LongTailSubset', imbalance=10, dataset=dict(
            type='DigitsLT', imbalance=1, size=8, pipeline=PACK))
    return dict(type=request.param, pipeline=load + PACK, **cfg)


def test_every_set_builds_pickles_and_feeds_workers(cfg):
    dataset = DATASETS.build({**cfg, 'lazy_init': True})
    assert not dataset._fully_initialized
    labels = dataset.get_gt_labels()  # loads
    assert dataset._fully_initialized and len(dataset) == len(labels)
    assert mmengine.is_seq_of(list(dataset.CLASSES), str) and len(dataset.CLASSES) == len(dataset.metainfo['classes'])
    assert dataset.get_cat_ids(0) == [labels[0]]
    copy = pickle.loads(pickle.dumps(dataset))
    assert (copy[3]['inputs'] == dataset[3]['inputs']).all()
    loader = DataLoader(dataset, batch_size=4, num_workers=2, collate_fn=pseudo_collate)
    loaded = [int(sample.gt_label) for batch in loader for sample in batch['data_samples']]
    assert loaded == labels.tolist()


def test_serialised_and_plain_records_agree():
    plain, serial = DigitsLT(size=8, serialize_data=False), DigitsLT(size=8)
    assert len(plain) == len(serial)
    assert all((a['img'] == b['img']).all() for a, b in zip(plain, serial))


def test_subset_trains_in_a_runner(tmp_path):
    def loader(dataset):
        return dict(batch_size=16, num_workers=0, dataset=dataset, sampler=dict(type='DefaultSampler', shuffle=True))
    train = dict(type='LongTailSubset', imbalance=10, n_max=20,
                 dataset=dict(type='DigitsLT', imbalance=1, size=8, pipeline=PACK))
    runner = Runner(
        model=dict(type='ImageClassifier', backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=64),
                   neck=dict(type='GlobalAveragePooling'), data_preprocessor=dict(num_classes=10, to_rgb=False),
                   head=dict(type='LinearClsHead', num_classes=10, in_channels=512)),
        work_dir=str(tmp_path), train_dataloader=loader(train), train_cfg=dict(by_epoch=True, max_epochs=1),
        val_dataloader=loader(dict(type='DigitsLT', split='test', size=8, indices=32, pipeline=PACK)), val_cfg=dict(),
        val_evaluator=dict(type='Accuracy'), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        custom_hooks=[dict(type='ClassNumCheckHook')], default_scope='mmpretrain', experiment_name=tmp_path.name)
    runner.train()
    assert runner.iter == -(-len(runner.train_dataloader.dataset) // 16)


def test_an_npz_is_bounded(tmp_path):
    images, labels = np.zeros((3, 4, 4), np.uint8), np.array([0, 1, 2 ** 40])
    file = tmp_path / 'x.npz'
    np.savez(file, train_images=images, train_labels=labels)
    with pytest.raises(ValueError, match=r'train_labels holds 0 to 1099511627776, expected labels from 0 on, below'):
        NpzImages(str(file))
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive, archive.open('train_images.npy', 'w') as entry:
        for _ in range(5):
            entry.write(bytes(2 ** 26))
    with pytest.raises(ValueError, match=r'unpacks \d+ bytes to 335544320'):
        NpzImages(str(file))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, dict(shape=(2 ** 44,), fortran_order=False, descr='|u1'))
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('train_images.npy', header.getvalue())
    with pytest.raises(ValueError, match=r'is truncated or not an \.npz'):
        NpzImages(str(file))

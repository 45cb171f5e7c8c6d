"""Class-wise draws from WebDataset shards."""
import json

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmlt.data import shards
from mmlt.data.shards import ClassShards, count_shards

webdataset = pytest.importorskip('webdataset')
COUNTS = {0: [12, 12], 2: [6], 3: [2]}  # images of each shard of each class


@pytest.fixture(scope='module')
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp('shards')
    for c, sizes in COUNTS.items():
        for s, size in enumerate(sizes):
            with webdataset.TarWriter(str(folder / f'{c}_{s}.tar')) as tar:
                for i in range(size):
                    tar.write({'__key__': f'{c}_{s}_{i}', 'cls': str(c).encode(), 'txt': b'x'})
    count_shards(sorted(folder.glob('*.tar')), file=folder / 'index.json')
    return folder / 'index.json'


def name(sample):
    return sample['__key__']


def test_counts_of_shards(index):
    assert [value for _, value in sorted(json.loads(index.read_text()).items())] == [
        {'0': 12}, {'0': 12}, {'2': 6}, {'3': 2}]
    assert ClassShards(str(index)).counts.tolist() == [24, 0, 6, 2] and len(ClassShards(str(index))) == 32


@pytest.mark.parametrize(('q', 'shares'), [(0, [1 / 3, 0, 1 / 3, 1 / 3]), (1, [24 / 32, 0, 6 / 32, 2 / 32])])
def test_classes_by_their_law_and_images_alike(index, q, shares):
    m = 6000
    keys = list(ClassShards(str(index), q=q, num_samples=m, seed=0, buffer=8, transform=name))
    classes = np.bincount([int(key[0]) for key in keys], minlength=4)
    assert (abs(classes - m * np.array(shares)) <= 5 * np.sqrt(m * np.array(shares))).all()
    names, times = np.unique(keys, return_counts=True)
    assert len(names) == 32
    for c, n in ((0, 24), (2, 6), (3, 2)):
        own = times[[key[0] == str(c) for key in names]]
        assert own.max() - own.min() <= 12 and len(own) == n  # cycles: the shuffle buffer alone sets them apart


def test_epochs_ranks_and_workers(index, monkeypatch):
    def keys(rank=0, world=1, epoch=0, workers=0):
        monkeypatch.setattr(shards, 'rank_and_world_size', lambda: (rank, world))
        data = ClassShards(str(index), num_samples=41, seed=3, transform=name)
        data.set_epoch(epoch)
        return list(DataLoader(data, batch_size=None, num_workers=workers))
    assert keys() == keys() != keys(epoch=1)
    first, second = keys(0, 2), keys(1, 2)
    assert (len(first), len(second)) == (21, 20) and first[:20] != second
    assert len(keys(workers=2)) == 41


def test_shards_of_several_classes_are_refused(tmp_path):
    with webdataset.TarWriter(open(tmp_path / 'a.tar', 'wb')) as tar:
        for c in (0, 1):
            tar.write({'__key__': str(c), 'cls': str(c).encode()})
    with pytest.raises(ValueError, match=r'a\.tar has images of 2 classes, expected one'):
        ClassShards(count_shards([tmp_path / 'a.tar']))

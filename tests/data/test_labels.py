"""labels_of and class_counts on plain torch data sets and on data sets in the manner of torchvision and timm."""
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import ConcatDataset, Dataset, StackDataset, Subset, TensorDataset, random_split

from mmlt.data import Ragged, class_counts, labels_of
from mmlt.data.labels import num_classes_of

LABELS = [2, 0, 1, 1, 2, 2]


class Images(Dataset):
    """A data set of n images with whatever attributes."""

    def __init__(self, n=6, **attributes):
        self.n = n
        self.__dict__.update(attributes)

    def __len__(self):
        return self.n

    def __getitem__(self, idx):
        raise AssertionError('no image is to be read')


def rows(labels):
    return [labels[i].tolist() for i in range(len(labels))]


def assert_labels(dataset, expected):
    labels = labels_of(dataset)
    assert isinstance(labels, np.ndarray) and labels.dtype == np.int64
    assert labels.tolist() == expected


@pytest.mark.parametrize('attributes', [
    dict(targets=LABELS), dict(targets=torch.tensor(LABELS)), dict(targets=np.array(LABELS, dtype=np.uint8)),
    dict(targets=[torch.tensor(c) for c in LABELS]), dict(targets=tuple(np.int32(c) for c in LABELS)),
    dict(labels=np.array(LABELS)), dict(labels=np.array(LABELS)[:, None]), dict(_labels=LABELS),
    dict(samples=[('a.jpg', c) for c in LABELS]), dict(targets=None, samples=[('a.jpg', c) for c in LABELS]),
    dict(mmlt_labels=LABELS, targets=['cat'] * 6), dict(get_gt_labels=lambda: np.array(LABELS)),
    dict(get_cat_ids=lambda i: [LABELS[i]]), dict(reader=Images(samples=[('a.jpg', c) for c in LABELS])),
    dict(dataset=Images(targets=LABELS)),
], ids=lambda attributes: '-'.join(f'{k}:{type(v).__name__}' for k, v in attributes.items()))
def test_single_label_sources(attributes):
    assert_labels(Images(**attributes), LABELS)


@pytest.mark.parametrize('labels', [LABELS, tuple(LABELS), np.array(LABELS), torch.tensor(LABELS)], ids=type)
def test_labels_themselves(labels):
    assert_labels(labels, LABELS)


def test_torch_wrappers_in_any_nesting():
    leaf = Images(targets=LABELS)
    assert_labels(Subset(leaf, [5, 1, 1, -3]), [2, 0, 0, 1])
    assert_labels(Subset(Subset(leaf, range(1, 6)), torch.tensor([0, 4])), [0, 2])
    assert_labels(Subset(leaf, []), [])
    both = ConcatDataset([leaf, Subset(leaf, [1]), TensorDataset(torch.zeros(2, 3), torch.tensor([7, 8]))])
    assert_labels(both, [*LABELS, 0, 7, 8])
    assert_labels(Subset(ConcatDataset([both, leaf]), [8, 9, 6]), [8, 2, 0])
    parts = random_split(leaf, [4, 2], generator=torch.Generator().manual_seed(0))
    assert sorted(labels_of(ConcatDataset(parts)).tolist()) == sorted(LABELS)
    assert_labels(parts[1], [LABELS[i] for i in parts[1].indices])


def test_target_transform_is_applied_once():
    leaf = Images(targets=LABELS, target_transform=lambda c: 10 + c % 2)
    assert_labels(leaf, [10 + c % 2 for c in LABELS])
    assert_labels(Subset(leaf, [1, 2]), [10, 11])
    timm = Images(reader=Images(samples=[('a.jpg', c) for c in LABELS]), target_transform=lambda c: c + 1)
    assert_labels(timm, [c + 1 for c in LABELS])
    assert_labels(Images(mmlt_labels=LABELS, target_transform=lambda c: 0), LABELS)
    with pytest.raises(TypeError, match='target_transform'):
        labels_of(Images(targets=LABELS, target_transform=lambda c: [0, 1]))


@pytest.mark.parametrize('source', [
    [[2, 0], [], [1, 1, 1]], [(2, 0), (), (1, 1, 1)], [np.array([2, 0]), np.array([], int), np.array([1, 1, 1])],
    [torch.tensor([2, 0]), torch.tensor([], dtype=torch.long), torch.tensor([1, 1, 1])]], ids=range(4))
def test_ragged_labels(source):
    expected = [[2, 0], [], [1, 1, 1]]
    assert rows(labels_of(source)) == expected
    assert rows(labels_of(Images(3, targets=source))) == expected
    leaf = Images(3, get_cat_ids=source.__getitem__)
    assert rows(labels_of(leaf)) == expected
    mixed = ConcatDataset([leaf, Images(2, targets=[5, 6])])
    assert rows(labels_of(mixed)) == [*expected, [5], [6]]
    assert rows(labels_of(Subset(mixed, [4, 0, -3, 1]))) == [[6], [2, 0], [1, 1, 1], []]
    assert class_counts(leaf, 4).tolist() == [1, 1, 1, 0]
    assert class_counts(leaf, 4, unit='instance').tolist() == [1, 3, 1, 0]


@pytest.mark.parametrize('kind', [np.array, torch.tensor], ids=['array', 'tensor'])
@pytest.mark.parametrize('cast', [int, float, bool])
def test_multi_hot_rows(kind, cast):
    hot = kind([[cast(v) for v in row] for row in ([1, 0, 1], [0, 0, 0], [0, 1, 0])])
    assert rows(labels_of(Images(3, labels=hot))) == [[0, 2], [], [1]]


@settings(max_examples=40, deadline=None)
@given(lists=st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_ragged_properties(lists, seed):
    ragged = Ragged.from_lists(lists)
    assert rows(ragged) == lists and len(ragged) == len(lists) and ragged[-1].tolist() == lists[-1]
    assert [list(row) for row in ragged] == lists
    assert rows(ragged.unique()) == [sorted(set(row)) for row in lists]
    assert ragged.images.tolist() == [i for i, row in enumerate(lists) for _ in row]
    indices = np.random.default_rng(seed).integers(-len(lists), len(lists), 6)
    assert rows(ragged.take(indices)) == [lists[i] for i in indices]


def test_number_of_classes():
    assert class_counts(LABELS).tolist() == [1, 2, 3]
    assert class_counts(LABELS, num_classes=5).tolist() == [1, 2, 3, 0, 0]
    named = Images(targets=LABELS, classes=['a', 'b', 'c', 'd'])
    assert class_counts(named).tolist() == [1, 2, 3, 0]
    assert class_counts(Subset(named, [0])).tolist() == [0, 0, 1, 0]
    meta = Images(targets=LABELS, metainfo=dict(classes=tuple('abcde')))
    assert class_counts(meta).tolist() == [1, 2, 3, 0, 0]
    assert class_counts(ConcatDataset([named, meta])).tolist() == [2, 4, 6, 0, 0]
    assert class_counts(meta, num_classes=3).tolist() == [1, 2, 3]
    assert num_classes_of(Images(targets=LABELS)) is None
    assert class_counts(LABELS).dtype == np.int64


@pytest.mark.parametrize('call, error, message', [
    (lambda: labels_of(Images()), TypeError, 'labels of Images.*mmlt_labels'),
    (lambda: labels_of(Subset(Images(), [0])), TypeError, 'labels of Images'),
    (lambda: labels_of(StackDataset(Images(targets=LABELS), Images(targets=LABELS))), TypeError, 'StackDataset'),
    (lambda: labels_of(Images(targets=['cat'] * 6)), TypeError, 'Images.*mmlt_labels'),
    (lambda: labels_of(Images(targets=[.5] * 6)), TypeError, 'float64'),
    (lambda: labels_of(Images(targets=[None] * 6)), TypeError, 'object'),
    (lambda: labels_of(Images(targets=[[.5]] * 6)), TypeError, 'Images'),
    (lambda: labels_of(Images(targets=torch.full((6, 3), .2))), TypeError, 'multi-hot'),
    (lambda: labels_of([(torch.zeros(3), 1)] * 4), TypeError, 'mmlt_labels'),
    (lambda: labels_of(Images(mmlt_labels=[0, 1])), ValueError, '2 labels for the 6 images of Images'),
    (lambda: class_counts(LABELS, num_classes=2), ValueError, 'image 0 has the label 2.*2 classes'),
    (lambda: class_counts([0, 1, -1]), ValueError, 'image 2 has the label -1.*2 classes'),
    (lambda: class_counts([[0], [], [1, 7]], num_classes=3), ValueError, 'image 2 has the label 7'),
    (lambda: class_counts([]), ValueError, 'no label'),
    (lambda: class_counts(LABELS, unit='pixel'), ValueError, "got 'pixel'"),
])
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_wrapper_that_answers_for_its_inner_set():
    """The runner's slice forwards every attribute; only its length is its own."""
    class _SlicedDataset:
        def __init__(self, dataset, length):
            self._dataset, self._length = dataset, length

        def __getattr__(self, name):
            return getattr(self._dataset, name)

        def __len__(self):
            return self._length

    for attributes in (dict(targets=LABELS), dict(mmlt_labels=LABELS), dict(get_gt_labels=lambda: np.array(LABELS))):
        assert_labels(_SlicedDataset(Images(**attributes), 2), LABELS[:2])
    assert_labels(_SlicedDataset(Images(targets=LABELS, target_transform=lambda c: c + 1), 2), [3, 1])


def test_full_init_comes_first():
    class Lazy(Images):
        def full_init(self):
            self.targets = LABELS
    assert_labels(Lazy(), LABELS)
    assert_labels(SimpleNamespace(mmlt_labels=LABELS), LABELS)


def test_works_without_any_framework():
    code = """if True:
        import sys
        for name in ('mmengine', 'mmcv', 'mmpretrain', 'timm', 'torchvision'):
            sys.modules[name] = None
        from mmlt.data import ClassBalancedSampler, StagedSampler, class_counts
        stages = [dict(begin=0, sampler=dict(type='PowerSampler', q=1)), dict(begin=2, sampler=ClassBalancedSampler)]
        print(class_counts([0, 2]), sorted(StagedSampler([0, 2], stages, seed=0)))
        """
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert out.stdout == '[1 0 1] [0, 1]\n', out.stderr


def test_strings_say_how_to_number_them():
    for labels in (['cat', 'eel'], np.array(['cat', 'eel'])):
        with pytest.raises(TypeError, match=r"they are strings, as .*'cat'.*numpy\.unique\(labels, return_inverse"):
            labels_of(labels)

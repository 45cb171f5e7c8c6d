"""labels_of on MMEngine's and MMPretrain's data sets and wrappers, against their own records."""
import numpy as np
import pytest
from torch.utils.data import ConcatDataset as TorchConcat
from torch.utils.data import Subset

from mmlt.data import class_counts, labels_of
from mmlt.data.labels import _first_record

dataset_wrapper = pytest.importorskip('mmengine.dataset.dataset_wrapper')
pytest.importorskip('mmpretrain')
from mmengine.dataset import BaseDataset as EngineDataset  # noqa: E402
from mmengine.runner.runner import _SlicedDataset  # noqa: E402
from mmpretrain.datasets import BaseDataset, KFoldDataset, MultiLabelDataset  # noqa: E402

LABELS = [0, 0, 0, 0, 0, 0, 1, 1, 2, 0]
ROWS = [[0, 1], [], [2, 2], [1]]
CLASSES = ('cat', 'dog', 'ant', 'bee')


class Single(BaseDataset):
    METAINFO = dict(classes=CLASSES)

    def __init__(self, **kwargs):
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self):
        return [dict(img_path=f'{i}.jpg', gt_label=label) for i, label in enumerate(LABELS)]


class Multi(MultiLabelDataset):
    METAINFO = dict(classes=CLASSES)

    def __init__(self, **kwargs):
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self):
        return [dict(img_path=f'{i}.jpg', gt_label=row) for i, row in enumerate(ROWS)]


class Boxes(EngineDataset):
    """As a detection set: instances, and no gt_label."""

    METAINFO = dict(classes=CLASSES)

    def load_data_list(self):
        return [dict(instances=[dict(bbox_label=c) for c in row]) for row in ROWS]

    def get_cat_ids(self, idx):
        return [box['bbox_label'] for box in self.get_data_info(idx)['instances']]


def recorded(dataset):
    return [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]


@pytest.mark.parametrize('serialize', [True, False])
@pytest.mark.parametrize('wrap', [
    lambda d: d,
    lambda d: d.get_subset([9, 6, 6]),
    lambda d: dataset_wrapper.RepeatDataset(d, 3),
    lambda d: dataset_wrapper.ConcatDataset([d, d.get_subset([8, 7])]),
    lambda d: dataset_wrapper.ClassBalancedDataset(d, oversample_thr=.5),
    lambda d: KFoldDataset(dict(type=Single), fold=1, num_splits=3, seed=0),
    lambda d: KFoldDataset(dict(type=Single), fold=1, num_splits=3, seed=0, test_mode=True),
], ids=['leaf', 'subset', 'repeat', 'concat', 'class-balanced', 'k-fold', 'k-fold-test'])
@pytest.mark.parametrize('lazy', [False, True])
def test_wrappers_agree_with_their_records(wrap, serialize, lazy):
    dataset = wrap(Single(serialize_data=serialize, lazy_init=lazy))
    labels = labels_of(dataset)
    assert labels.dtype == np.int64 and labels.tolist() == recorded(dataset)
    assert class_counts(dataset).tolist() == np.bincount(labels, minlength=4).tolist()
    assert labels_of(_SlicedDataset(dataset, 2)).tolist() == recorded(dataset)[:2]
    assert labels_of(Subset(TorchConcat([dataset, dataset]), [len(dataset), 1])).tolist() == [labels[0], labels[1]]


def test_lazy_wrappers():
    dataset = dataset_wrapper.RepeatDataset(Single(lazy_init=True), 2, lazy_init=True)
    assert labels_of(dataset).tolist() == LABELS * 2
    assert labels_of(dataset_wrapper.ClassBalancedDataset(Single(lazy_init=True), .5, lazy_init=True)).tolist() == \
        [0] * 6 + [1] * 4 + [2] * 3 + [0]


@pytest.mark.parametrize('kind', [Multi, Boxes])
def test_several_labels(kind):
    dataset = kind()
    labels = labels_of(dataset)
    assert [labels[i].tolist() for i in range(4)] == ROWS
    assert class_counts(dataset).tolist() == [1, 2, 1, 0]
    assert class_counts(dataset, unit='instance').tolist() == [1, 2, 2, 0]
    repeated = dataset_wrapper.RepeatDataset(dataset, 2)
    assert class_counts(repeated, unit='instance').tolist() == [2, 4, 4, 0]
    assert [row.tolist() for row in labels_of(_SlicedDataset(repeated, 3))] == ROWS[:3]


def test_image_mixing_wrapper():
    """As MMDetection's: it holds the set and has neither labels nor class ids."""
    class MultiImageMixDataset:
        def __init__(self, dataset):
            self.dataset, self.metainfo = dataset, dataset.metainfo

        def __len__(self):
            return len(self.dataset)

    assert class_counts(MultiImageMixDataset(Boxes())).tolist() == [1, 2, 1, 0]


@pytest.mark.parametrize('method, value', [
    ('get_data_info', lambda self, idx: dict(gt_label=3)), ('get_gt_labels', lambda self: np.full(10, 3)),
    ('get_cat_ids', lambda self, idx: [3])])
def test_overridden_readers_are_asked(method, value):
    assert _first_record(Single())
    changed = type('Changed', (Single,), {method: value})()
    assert not _first_record(changed)
    if method != 'get_cat_ids':  # get_gt_labels comes first
        assert labels_of(changed).tolist() == [3] * 10
    changed = type('Changed', (Multi,), {method: value if method != 'get_gt_labels' else lambda self: np.full(4, 3)})()
    assert np.concatenate([np.atleast_1d(row) for row in labels_of(changed)]).tolist() == [3] * 4


def test_records_without_labels():
    class Images(EngineDataset):
        def load_data_list(self):
            return [dict(img_path='a.png', seg_map_path='b.png')]

    with pytest.raises(TypeError, match=r'labels of Images.*mmlt_labels'):
        labels_of(Images())
    dataset = Images()
    dataset.mmlt_labels = [5]
    assert labels_of(dataset_wrapper.RepeatDataset(dataset, 2)).tolist() == [5, 5]


def test_classes_from_the_annotation_file():
    """MMPretrain sets the class names in full_init."""
    class Annotated(Single):
        METAINFO = {}

        def load_data_list(self):
            self._metainfo['categories'] = [dict(id=i, category_name=name) for i, name in enumerate(CLASSES)]
            return super().load_data_list()

    assert class_counts(Annotated(lazy_init=True)).tolist() == [7, 2, 1, 0]


def test_label_beyond_the_class_names():
    class Wrong(Single):
        METAINFO = dict(classes=CLASSES[:2])

    with pytest.raises(ValueError, match='image 8 has the label 2, expected 0 <= label < 2'):
        class_counts(Wrong())


def test_torchvision():
    datasets = pytest.importorskip('torchvision.datasets')
    fake = datasets.VisionDataset('.', target_transform=lambda c: 2 - c)
    fake.targets, fake.__class__ = [0, 1, 1], type('Fake', (datasets.VisionDataset,), {'__len__': lambda self: 3})
    assert labels_of(fake).tolist() == [2, 1, 1]


def test_timm(tmp_path):
    data = pytest.importorskip('timm.data')
    for name in ('a/1.png', 'b/2.png', 'b/3.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert labels_of(data.ImageDataset(str(tmp_path))).tolist() == [0, 1, 1]

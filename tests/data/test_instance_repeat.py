"""IRFS against a plain recomputation, and as a data set."""
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('mmengine')
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from mmlt.data.datasets.instance_repeat import repeat_factors
from mmlt.data.labels import labels_of


@given(st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=8), st.floats(0.01, 1))
def test_factors(labels, threshold):
    total = sum(map(len, labels))
    for row, factor in zip(labels, repeat_factors(labels, threshold)):
        expected = [1.0]
        for c in set(row):
            share = sum(c in r for r in labels) / len(labels) * sum(r.count(c) for r in labels) / total
            expected.append(math.sqrt(threshold / share**0.5))
        assert factor == pytest.approx(max(expected), rel=1e-12)


class Boxes(BaseDataset):
    rows = [[0] * 8, [0], [0, 1], []]

    def load_data_list(self):
        return [dict(labels=row) for row in self.rows]

    def get_cat_ids(self, idx):
        return self.rows[idx]


def test_data_set():
    inner = Boxes(ann_file='', metainfo=dict(classes=['a', 'b']))
    built = DATASETS.build(dict(type='InstanceAwareRepeatDataset', dataset=inner, oversample_thr=0.5))
    assert [built._get_ori_dataset_idx(i) for i in range(len(built))] == [0, 1, 2, 2, 3]
    assert labels_of(built)[3].tolist() == [0, 1]

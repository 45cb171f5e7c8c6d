"""Contrast of pixels: which are chosen, short runs, the IoU of groups of classes."""
from copy import deepcopy

import numpy as np
import pytest
import torch

pytest.importorskip('mmseg')
from mmseg.evaluation import IoUMetric

from mmlt.core.contrast.pixels import balanced_pixels, resize_labels
from mmlt.seg.metric import LongTailIoUMetric


def choose(labels, number, seed=0):
    return balanced_pixels(labels, number, torch.Generator().manual_seed(seed))


def test_pixels_of_all_classes():
    labels = torch.full((2, 8, 8), 0)
    labels[0, 0, :5], labels[1, 1, 1], labels[:, 7] = 1, 2, 255
    chosen = choose(labels, 13)
    assert torch.bincount(labels.flatten()[chosen], minlength=4).tolist() == [7, 5, 1, 0]
    assert len(chosen.unique()) == 13 and not chosen.equal(choose(labels, 13, 1))
    few = torch.full((1, 4, 4), 255)
    few[0, 2, 3] = 3
    assert choose(few, 6).tolist() == [11] * 6
    assert labels.flatten()[choose(torch.full((1, 2, 2), 255), 3)].shape == (3, )


def test_labels_in_the_size_of_the_features():
    labels = torch.arange(16).view(1, 4, 4)
    assert resize_labels(labels, (2, 2)).tolist() == [[[0, 2], [8, 10]]]


@pytest.mark.parametrize('method', ['gml', 'bcl'])
def test_trains_evaluates_and_resumes(method, model, pixels, train, tmp_path):
    own = dict(type='GMLSegmentor', class_counts=pixels, queue=dict(length=64)) if method == 'gml' else dict(
        type='ContrastSegmentor')
    cfg = dict(model, **own, dim=8, pixels=48, contrast_weight=0.5)
    more = dict(val_evaluator=dict(type='LongTailIoUMetric', class_counts=pixels))
    whole, losses = train(deepcopy(cfg), epochs=3, name='whole', **more)
    curve = whole.message_hub.get_scalar('train/loss_contrast').data[0]
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) and curve[-4:].mean() < curve[:4].mean()
    groups = [whole.message_hub.get_scalar(f'val/mIoU_{name}').current() for name in ('many', 'medium', 'few')]
    assert all(0 <= value <= 100 for value in groups) and groups[0] > 40
    part, _ = train(deepcopy(cfg), epochs=3, name='part', **more, resume=True,
                    load_from=str(tmp_path / 'whole/epoch_2.pth'))
    state = part.model.state_dict()
    assert all(value.equal(state[key]) for key, value in whole.model.state_dict().items())


def test_pixels_that_are_all_ignored(model, pixels):
    from mmengine.structures import PixelData
    from mmseg.registry import MODELS
    from mmseg.structures import SegDataSample
    segmentor = MODELS.build(dict(model, type='GMLSegmentor', class_counts=pixels, queue=dict(length=64), pixels=8))
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.full((1, 32, 32), 255)), metainfo=dict(img_shape=(32, 32)))
    losses = segmentor.loss(torch.randn(1, 3, 32, 32), [sample])
    assert losses['loss_contrast'] == 0


def test_iou_of_groups():
    counts, classes = [5, 100, 40, 2], [*'abcd']
    metric, plain = LongTailIoUMetric(class_counts=counts), IoUMetric()
    areas = [(torch.tensor([1., 8, 3, 0]), torch.tensor([4., 10, 6, 0]), torch.tensor([2., 9, 4, 0]),
              torch.tensor([3., 9, 5, 0]))]
    metric.dataset_meta = plain.dataset_meta = dict(classes=classes)
    result, expected = metric.compute_metrics(areas), plain.compute_metrics(areas)
    assert {key: result.pop(f'mIoU_{key}') for key in ('many', 'medium')} == dict(many=65.0, medium=25.0)
    assert result == expected  # the rarest class is not there
    metric = LongTailIoUMetric(class_counts=counts[:3])
    metric.dataset_meta = dict(classes=classes)
    with pytest.raises(ValueError, match='class_counts of 3 classes, the data set has 4'):
        metric.compute_metrics(areas)

import json
import logging
from unittest import mock

import gloo
import metric_ranks
import numpy as np
import pytest
import torch
from metric_ranks import COUNTS, multi_label_samples, predictions, samples_of
from mmengine.evaluator import Evaluator
from mmpretrain.evaluation import Accuracy
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample
from sklearn.metrics import recall_score

from mmlt.core.calibration import ece
from mmlt.engine import metric as module
from mmlt.engine.metric import LongTailMetric


def evaluate(metric, samples, batch=7, size=None):
    evaluator = Evaluator(metric)
    for i in range(0, len(samples), batch):
        evaluator.process(samples[i:i + batch], None)
    return evaluator.evaluate(len(samples) if size is None else size)


def test_equals_sklearn_and_mmpretrain_through_the_evaluator():
    scores, labels = predictions(300)
    samples = samples_of(scores, labels)
    got = evaluate(LongTailMetric(topk=(1, 3), class_counts=COUNTS), samples)
    theirs = evaluate(Accuracy(topk=(1, 3)), samples)
    confidence, preds = scores.max(1)
    recall = 100 * recall_score(labels, preds, average=None)
    assert set(got) == {'lt/top1', 'lt/top3', 'lt/mean_class', 'lt/many', 'lt/medium', 'lt/few', 'lt/worst_class',
                        'lt/ece'}
    assert got['lt/top1'] == pytest.approx(theirs['accuracy/top1'], abs=1e-4)
    assert got['lt/top3'] == pytest.approx(theirs['accuracy/top3'], abs=1e-4)
    assert got['lt/mean_class'] == pytest.approx(recall.mean(), abs=1e-10)
    assert got['lt/many'] == pytest.approx(recall[:2].mean(), abs=1e-10)
    assert got['lt/medium'] == pytest.approx(recall[2:4].mean(), abs=1e-10)
    assert got['lt/few'] == pytest.approx(recall[4:].mean(), abs=1e-10)
    assert got['lt/worst_class'] == pytest.approx(recall.min(), abs=1e-10)
    assert got['lt/ece'] == pytest.approx(100 * ece(confidence, preds == labels), abs=1e-6)
    assert all(type(value) is float for value in got.values())


def test_predictions_of_a_real_head():
    torch.manual_seed(0)
    head, labels = LinearClsHead(6, 4), torch.randint(6, (50,))
    with torch.no_grad():
        samples = head.predict((torch.randn(50, 4),), [DataSample().set_gt_label(int(y)) for y in labels])
    got = evaluate(LongTailMetric(class_counts=COUNTS), samples)
    right = torch.cat([s.pred_label for s in samples]) == labels
    assert got['lt/top1'] == pytest.approx(100 * right.double().mean().item(), abs=1e-10)


def test_rows_of_one_tensor_are_not_copied_and_other_rows_are_stacked():
    scores = torch.rand(5, 6)
    assert module._stack(list(scores)).data_ptr() == scores.data_ptr()
    for rows in (list(scores.flip(0)), list(scores)[::-1], list(scores[::2]), list(scores.T),
                 [row.clone() for row in scores], [scores[1], scores[3], scores[2]], [scores[0]] * 3, [scores[4]]):
        assert torch.equal(module._stack(rows), torch.stack(rows))


def test_batches_and_flushes_change_nothing(monkeypatch):
    samples = samples_of(*predictions(100))
    expected = evaluate(LongTailMetric(class_counts=COUNTS, topk=(1, 2)), samples, batch=100)
    monkeypatch.setattr(module, 'FLUSH', 10)
    for batch in (1, 7, 64):
        assert evaluate(LongTailMetric(class_counts=COUNTS, topk=(1, 2)), samples, batch) == expected


def test_half_scores_double_scores_and_gradients():
    scores, labels = predictions(200)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        cast = scores.to(dtype)
        got = evaluate(LongTailMetric(class_counts=COUNTS, topk=(1, 2)), samples_of(cast, labels))
        preds, confidence = cast.double().numpy().argmax(1), cast.double().numpy().max(1)
        assert got['lt/top1'] == pytest.approx(100 * (preds == labels.numpy()).mean(), abs=1e-10)
        assert got['lt/ece'] == pytest.approx(100 * ece(confidence, preds == labels.numpy()), abs=1e-6)
    expected = evaluate(LongTailMetric(class_counts=COUNTS), samples_of(scores, labels))
    assert evaluate(LongTailMetric(class_counts=COUNTS), samples_of(scores.requires_grad_(), labels)) == expected


def test_labels_with_and_without_confidence():
    scores, labels = predictions(90)
    expected = evaluate(LongTailMetric(class_counts=COUNTS), samples_of(scores, labels))
    confidence, preds = scores.max(1)
    tensors = [dict(gt_label=y, pred_label=p, pred_confidence=c) for y, p, c in zip(labels, preds, confidence)]
    numbers = [{k: v.item() for k, v in sample.items()} for sample in tensors]
    for samples in (tensors, numbers):
        assert evaluate(LongTailMetric(class_counts=COUNTS), samples) == expected
        for sample in samples:
            del sample['pred_confidence']
        del_ece = {k: v for k, v in expected.items() if k != 'lt/ece'}
        assert evaluate(LongTailMetric(class_counts=COUNTS), samples) == del_ece


def test_number_of_classes_of_plain_labels():
    samples = [dict(gt_label=torch.tensor([2]), pred_label=torch.tensor([2]))]
    with pytest.raises(ValueError, match='class_counts'):
        evaluate(LongTailMetric(), samples)
    assert evaluate(LongTailMetric(), [dict(samples[0], num_classes=6)])['lt/top1'] == 100
    metric = LongTailMetric()
    metric.dataset_meta = dict(classes=('a', 'b', 'c'))
    assert evaluate(metric, samples)['lt/top1'] == 100


def test_per_class_and_class_accuracy():
    samples = samples_of(torch.eye(3)[[0, 1, 2, 0]], [0, 0, 2, 0])
    metric = LongTailMetric(class_counts=[500, 50, 5], per_class=True, prefix='val')
    got = evaluate(metric, samples)
    assert got['val/class_0'] == pytest.approx(200 / 3) and got['val/class_2'] == 100
    assert 'val/class_1' not in got and 'val/medium' not in got
    np.testing.assert_array_equal(metric.class_accuracy, [2 / 3, np.nan, 1])


def test_thresholds_and_counts_from_json_and_from_a_hook(tmp_path):
    samples = samples_of(torch.eye(3), [0, 1, 1])
    (tmp_path / 'counts.json').write_text(json.dumps({'class_counts': [30, 8, 2]}))
    late = LongTailMetric(many=10, few=5)
    late.set_class_counts(torch.tensor([30, 8, 2]))
    for metric in (LongTailMetric(many=10, few=5, class_counts=str(tmp_path / 'counts.json')), late):
        got = evaluate(metric, samples)
        assert (got['lt/many'], got['lt/medium']) == (100, 50) and 'lt/few' not in got


def test_without_counts_warns_once_and_leaves_the_groups_out():
    samples, metric = samples_of(*predictions(20)), LongTailMetric()
    with mock.patch.object(module, 'print_log') as log:
        first, second = evaluate(metric, samples), evaluate(metric, samples)
    assert first == second and not {'lt/many', 'lt/medium', 'lt/few'} & set(first) and 'lt/mean_class' in first
    log.assert_called_once()
    assert 'ClassCountsHook' in log.call_args.args[0] and log.call_args.kwargs['level'] == logging.WARNING


def test_starts_anew_after_an_evaluation():
    metric = LongTailMetric(class_counts=COUNTS)
    evaluate(metric, samples_of(*predictions(50, seed=1)))
    again = evaluate(metric, samples_of(*predictions(60)))
    assert again == evaluate(LongTailMetric(class_counts=COUNTS), samples_of(*predictions(60)))


@pytest.mark.parametrize('change, message', [
    (dict(gt_label=torch.tensor([6])), r'labels of type int64 span .*, 6\], expected integers in 0 ... 5'),
    (dict(gt_label=torch.tensor([-1])), 'labels'),
    (dict(gt_label=torch.tensor([0, 1])), 'single-label'),
    (dict(pred_score=torch.full((6,), torch.nan)), 'NaN'),
    (dict(pred_score=torch.arange(6.)), 'softmax'),
])
@pytest.mark.parametrize('topk', [1, (1, 2)])
def test_bad_samples(change, message, topk):
    samples = [s.to_dict() for s in samples_of(*predictions(9))]
    samples[4].update(change)
    with pytest.raises(ValueError, match=message):
        evaluate(LongTailMetric(class_counts=COUNTS, topk=topk), samples)


def test_other_bad_input():
    samples = samples_of(*predictions(9))
    with pytest.raises(ValueError, match='5 class counts for 6 classes'):
        evaluate(LongTailMetric(class_counts=COUNTS[:5]), samples)
    with pytest.raises(ValueError, match='class 1 has the training count nan'):
        LongTailMetric(class_counts=[1, float('nan')])
    with pytest.raises(ValueError, match=r'1 \.\.\. 6, the number of classes'):
        evaluate(LongTailMetric(topk=(1, 7)), samples)
    with pytest.raises(ValueError, match='visits each sample once'):
        evaluate(LongTailMetric(class_counts=COUNTS), samples, batch=3, size=4)
    with pytest.raises(ValueError, match='scores of 5 classes after scores of 6'):
        evaluate(LongTailMetric(), samples + samples_of(*predictions(3, 5)), batch=9)
    metric = LongTailMetric()
    metric.process(None, [])
    with pytest.raises(ValueError, match='empty'):
        metric.evaluate(size=0)
    with pytest.raises(ValueError, match='LongTailMetric: bins must be an integer >= 1, got 0'):
        LongTailMetric(bins=0)
    with pytest.raises(ValueError, match='few=20 lies above many=10'):
        LongTailMetric(many=10)


def test_two_ranks_equal_one_bit_for_bit(tmp_path):
    sizes = [1, 2, 7, 8, 33, 101]
    gloo.spawn(metric_ranks.worker, tmp_path, sizes, 4)
    for rank in range(2):
        got = json.loads((tmp_path / f'{rank}.json').read_text())
        for size in sizes:
            metric = LongTailMetric(class_counts=COUNTS, topk=(1, 2), per_class=True)
            expected = evaluate(metric, samples_of(*predictions(size)), batch=5)
            assert got[f'{size} True'] == got[f'{size} False'] == expected
        expected = evaluate(LongTailMetric(class_counts=COUNTS, topk=(1, 2)), samples_of(*predictions(501)))
        for shares in ([300, 201], [1, 500], [0, 501]):
            assert got[str(shares)] == expected
        for shares in ([251, 249], [252, 252]):
            assert f'the ranks processed {shares} samples of a data set of 501' in got[str(shares)]
        metric = LongTailMetric(class_counts=COUNTS, multi_label=True)
        metric.process(None, multi_label_samples(41))
        expected = metric.evaluate(41)
        assert all(got[f'multi {shares}'] == expected for shares in ([20, 21], [11, 30], [21, 21]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
def test_scores_on_the_gpu():
    scores, labels = predictions(64)
    expected = evaluate(LongTailMetric(class_counts=COUNTS, topk=(1, 2)), samples_of(scores, labels))
    samples = [s.to('cuda') for s in samples_of(scores.cuda(), labels)]
    assert evaluate(LongTailMetric(class_counts=COUNTS, topk=(1, 2)), samples) == expected


# several labels a sample

@pytest.mark.parametrize('seed', range(3))
def test_multi_label_equals_sklearn(seed):
    from sklearn.metrics import average_precision_score
    samples = multi_label_samples(200, seed=seed)
    scores = torch.stack([sample['pred_score'] for sample in samples]).numpy()
    targets = np.zeros(scores.shape)
    for row, sample in zip(targets, samples):
        row[sample['gt_label']] = 1
    expected = 100 * np.array([average_precision_score(targets[:, c], scores[:, c]) for c in range(5)])
    rows = [dict(gt_score=torch.tensor(t), pred_score=sample['pred_score']) for t, sample in zip(targets, samples)]
    for given in (samples, rows):  # labels or multi-hot rows; class 5 has no positive
        metric = LongTailMetric(class_counts=COUNTS, multi_label=True, per_class=True)
        for i in range(0, 200, 17):
            metric.process(None, given[i:i + 17])
        results = metric.evaluate(200)
        groups = dict(mAP=expected, many=expected[:2], medium=expected[2:4], few=expected[4:],
                      worst_class=expected.min())
        for name, values in groups.items():
            assert results[f'lt/{name}'] == pytest.approx(np.mean(values), abs=1e-9)
        assert [results[f'lt/class_{c}'] for c in range(5)] == pytest.approx(expected) and 'lt/class_5' not in results
        assert np.isnan(metric.class_accuracy[5]) and 'lt/top1' not in results


@pytest.mark.parametrize(('sample', 'words'), [
    (dict(gt_label=torch.tensor([1]), pred_label=torch.tensor([1])), 'needs pred_score'),
    (dict(gt_score=torch.tensor([0.5, 1]), pred_score=torch.rand(2)), 'neither 0 nor 1'),
    (dict(gt_score=torch.tensor([0., 1]), pred_score=torch.tensor([0.1, torch.nan])), 'a score is NaN'),
    (dict(gt_score=torch.tensor([0., 0]), pred_score=torch.rand(2)), 'no sample has a label')])
def test_multi_label_refusals(sample, words):
    metric = LongTailMetric(multi_label=True)
    with pytest.raises(ValueError, match=words):
        metric.process(None, [sample])
        metric.evaluate(1)


def test_multi_label_training(tmp_path):
    """MMPretrain's multi-label head and data; the hook tells the loss how many images there are."""
    import tiny
    from mmengine.registry import DATASETS

    @DATASETS.register_module(force=True)
    class TwoLabels(tiny.TinyImages):
        def load_data_list(self):
            infos = super().load_data_list()
            return [dict(info, gt_label=sorted({info['gt_label'], i % 3})) for i, info in enumerate(infos)]

    run = tiny.train(
        tmp_path, 1, model__head=dict(type='MultiLabelLinearClsHead', num_classes=3, in_channels=16, _delete_=True,
                                      loss=dict(type='DistributionBalancedLoss')),
        train_dataloader__dataset__type='TwoLabels', val_dataloader__dataset__type='TwoLabels',
        val_evaluator=dict(type='LongTailMetric', multi_label=True, many=45, few=25))
    assert run.model.head.loss_module.num_images == 60
    hub = run.message_hub
    values = [hub.get_scalar(f'val/lt/{name}').current() for name in ('mAP', 'many', 'few')]
    assert all(0 < value <= 100 for value in values)

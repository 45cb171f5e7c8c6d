"""FRACAL in the test step of RoI heads of several losses."""
import json
from types import SimpleNamespace

import pytest

pytest.importorskip('mmdet')
pytest.importorskip('mmcv._ext', reason='MMCV has no compiled ops')
import torch
from mmdet.registry import MODELS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

import mmlt.det  # noqa: F401
from mmlt.cli.count import main as count
from mmlt.core.fractal import calibrate_sigmoid, calibrate_softmax, log_frequency
from mmlt.det.fractal import FractalCalibrationHook

COUNTS, DIMS = [40, 9, 1], [1.8, 1.3, 1.0]


def counts_file(folder, **more):
    path = folder / 'counts.json'
    path.write_text(json.dumps(dict(image_counts=COUNTS, num_images=50, fractal_dimensions=DIMS, **more)))
    return str(path)


def head(**loss):
    return MODELS.build(dict(
        type='Shared2FCBBoxHead', in_channels=4, fc_out_channels=8, roi_feat_size=1, num_classes=3,
        loss_cls=dict(loss_weight=1.0, **loss))).eval()


@pytest.mark.parametrize('loss', [
    dict(type='CrossEntropyLoss', use_sigmoid=False), dict(type='SeesawLoss', num_classes=3),
    dict(type='BalancedSoftmaxLoss', class_counts=COUNTS), dict(type='EqualizationLossV2')], ids=lambda c: c['type'])
def test_scores_of_a_head(tmp_path, loss):
    model = nn.ModuleDict(dict(a=head(**loss), b=head(**loss)))
    runner, hook = SimpleNamespace(model=model), FractalCalibrationHook(counts_file(tmp_path), power=1.5)
    one = model['a']
    width = one.fc_cls.out_features
    logits = 2 * torch.randn(6, width, generator=torch.Generator().manual_seed(0))
    rois = torch.tensor([[0., 2, 2, 30, 30]]).repeat(6, 1)
    ask = lambda: one._predict_by_feat_single(rois, logits, None, dict(img_shape=(32, 32))).scores  # noqa: E731
    plain = ask()
    hook.before_test_epoch(runner)
    rule = calibrate_sigmoid if loss['type'] == 'EqualizationLossV2' else calibrate_softmax
    freq = log_frequency(torch.tensor(COUNTS).double(), 50)
    torch.testing.assert_close(ask(), rule(plain, freq, torch.tensor(DIMS).double(), 1.5))
    hook.after_test_epoch(runner)
    assert torch.equal(ask(), plain) and not torch.equal(plain, rule(plain, freq, torch.tensor(DIMS).double(), 1.5))
    assert 'get_activation' not in vars(one.loss_cls) and hook.losses == []


def test_bad_input(tmp_path):
    with pytest.raises(FileNotFoundError, match='mmlt count'):
        FractalCalibrationHook(str(tmp_path / 'none.json'))
    (tmp_path / 'list.json').write_text('[1, 2]')
    with pytest.raises(ValueError, match='has no fractal_dimensions'):
        FractalCalibrationHook(str(tmp_path / 'list.json'))
    hook = FractalCalibrationHook(counts_file(tmp_path))
    with pytest.raises(ValueError, match='RoI head, which Linear has not'):
        hook.before_test_epoch(SimpleNamespace(model=nn.Linear(2, 2)))
    hook.dimensions = torch.ones(4)
    with pytest.raises(ValueError, match='of 4 classes, the head of 3'):
        hook.before_val_epoch(SimpleNamespace(model=head(type='CrossEntropyLoss')))


class Scores(Hook):
    """The sum of the test scores of each class."""

    def before_test_epoch(self, runner):
        self.sums = torch.zeros(5, dtype=torch.float64)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        for found in (sample.pred_instances for sample in outputs):
            self.sums.index_add_(0, found.labels, found.scores.double())


@pytest.mark.parametrize('model', ['mask-rcnn_r50_fpn', 'cascade-rcnn_r50_fpn'])
def test_a_whole_detector_from_the_command_to_its_test(shapes, detector, tmp_path, model):
    file = tmp_path / 'fractal.json'
    count([str(shapes / 'train.json'), '--fractal', '--out', str(file)])
    cfg = detector(model=model)
    cfg.val_cfg, cfg.test_cfg = None, dict(type='TestLoop')
    cfg.model.test_cfg.rcnn.update(score_thr=0., max_per_img=-1, nms=dict(type='nms', iou_threshold=1.))
    runner, scores = Runner.from_cfg(cfg), Scores()
    runner.register_hook(scores)
    runner.test()
    plain = scores.sums
    runner.register_hook(FractalCalibrationHook(str(file)), priority='HIGH')
    runner.test()
    gain = (scores.sums / plain).tolist()
    assert max(gain[:3]) < 1 < min(gain[3:])  # the two rarest of five
    assert not [m for m in runner.model.modules() if 'get_activation' in vars(m)]  # as before

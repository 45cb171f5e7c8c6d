"""FRACAL in the test step of RoI heads of several losses."""
import json
from types import SimpleNamespace

import pytest

pytest.importorskip('mmdet')
pytest.importorskip('mmcv._ext', reason='MMCV has no compiled ops')
import torch
from mmdet.registry import MODELS
from torch import nn

import mmlt.det  # noqa: F401
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

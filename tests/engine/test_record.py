"""What a run leaves for its report."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain')
from mmengine.config import Config
from mmengine.runner import Runner

from mmlt.engine.hooks import RecordHook
from mmlt.report.page.predictions import read_predictions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def runner(tmp_path):
    cfg = Config.fromfile(ROOT / 'configs/data/digits.py')
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    cfg.train_cfg.max_epochs = cfg.train_cfg.val_interval = 1
    cfg.model.backbone.depth = 8
    runner = Runner.from_cfg(cfg)
    runner.register_hook(RecordHook())
    runner.train()
    return runner


def test_predictions_are_those_of_the_metric_in_the_data_sets_order(runner, tmp_path):
    p = read_predictions(tmp_path / 'predictions.npz')
    logged = {k[7:]: v.current() for k, v in runner.message_hub.log_scalars.items() if k.startswith('val/lt/')}
    assert {k: pytest.approx(v, abs=1e-4) for k, v in p.metrics().items()} == logged
    dataset = runner.val_dataloader.dataset
    assert (p.label == [info['gt_label'] for info in map(dataset.get_data_info, range(len(dataset)))]).all()
    with torch.no_grad():
        scores = runner.model.eval().val_step(next(iter(runner.val_dataloader)))
    own = np.stack([s.pred_score.cpu().numpy() for s in scores])
    assert (p.top[:len(own), 0] == own.argmax(1)).all() and np.allclose(p.score[:len(own), 0], own.max(1), atol=1e-5)
    assert p.counts.sum() == 342 and p.classes[:2] == ['0', '1'] and (p.many, p.few) == (100, 20)


def test_record_says_how_it_was_made(runner, tmp_path):
    record = json.loads((tmp_path / 'run.json').read_text())
    assert record['data']['train']['images'] == 342 and record['data']['val']['images'] == 500
    assert record['versions']['torch'] == torch.__version__.split('+')[0] and record['seed'] == 0
    assert record['parameters'] == sum(p.numel() for p in runner.model.parameters())

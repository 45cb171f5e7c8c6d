"""What a run leaves for its report."""
import json
from pathlib import Path

import gloo
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


def test_two_ranks_write_what_one_writes(tmp_path):
    import record_ranks
    record_ranks.record(tmp_path / 'one.npz')
    gloo.spawn(record_ranks.worker, tmp_path)
    with np.load(tmp_path / 'one.npz') as one, np.load(tmp_path / 'two.npz') as two:
        assert set(one.files) == set(two.files) and all((one[key] == two[key]).all() for key in one.files)
        assert len(one['label']) == record_ranks.NUM and one['class_counts'].tolist() == record_ranks.COUNTS


def test_samples_without_scores_leave_no_file(tmp_path):
    from types import SimpleNamespace
    hook = RecordHook(tmp_path / 'p.npz')
    hook.before_val_epoch(None)
    hook.after_val_iter(None, 0, None, [dict(pred_instances=1), dict(pred_score=torch.ones(3), gt_label=torch.ones(2))])
    hook.after_val_epoch(SimpleNamespace(val_loop=SimpleNamespace(dataloader=SimpleNamespace(dataset=[0]))))
    assert not (tmp_path / 'p.npz').exists()


def test_tensorboard_sees_the_metric_of_every_class(tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    cfg = Config.fromfile(ROOT / 'configs/data/digits.py')
    cfg.work_dir, cfg.log_level = str(tmp_path), 'ERROR'
    cfg.train_cfg.max_epochs = cfg.train_cfg.val_interval = 1
    cfg.model.backbone.depth = 8
    cfg.val_evaluator.per_class = True
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    Runner.from_cfg(cfg).train()
    events = EventAccumulator(str(next(tmp_path.glob('*/vis_data'))))
    events.Reload()
    tags = events.Tags()['scalars']
    assert {'lt/mean_class', 'lt/few', *(f'lt/class_{c}' for c in range(10)), 'loss'} <= set(tags)

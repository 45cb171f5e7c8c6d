"""Ten short trainings whose results are kept: a refactor that changes training shows at once.

In float64 with draws by (seed, epoch, position), so that a result is the same to 1e-6 whatever the CPU and the number
of threads. After a change that is meant, ``python tests/test_golden.py`` writes golden.json; say why in the commit.
"""
import json
import logging
import tempfile
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmpretrain')
pytest.importorskip('sklearn')
from mmengine.config import Config
from mmengine.runner import Runner

import mmlt  # noqa: F401 registers its parts

FILE = Path(__file__).with_name('golden.json')
ROOT = Path(__file__).resolve().parents[1]


def stages(*stages):
    return dict(default_hooks=dict(stages=dict(type='StageSwitchHook', stages=list(stages))))


def loss(**cfg):
    return dict(model=dict(head=dict(loss=dict(_delete_=True, **cfg))))


def sampler(**cfg):
    return dict(train_dataloader=dict(sampler=dict(_delete_=True, **cfg)))


def augment(**cfg):
    return dict(model=dict(train_cfg=dict(augments=cfg)), default_hooks=dict(partners=dict(type='PartnerHook')))


RUNS = {
    'ce': {},
    'progressive_sampling': sampler(type='ProgressivelyBalancedSampler', max_epochs=4),
    'balanced_softmax': loss(type='BalancedSoftmaxLoss'),
    'ldam-drw': dict(loss(type='LDAMLoss'), **stages(dict(begin=2, loss=dict(type='LDAMLoss',
                                                                             class_weight='effective')))),
    'seesaw': loss(type='SeesawSoftmaxLoss'),
    'causal': dict(model=dict(head=dict(classifier=dict(type='CausalLinear')))),
    'remix': augment(type='Remix'),
    'cmo': augment(type='ContextMinorityOversample', prob=0.5),
    'cam_bs': stages(dict(begin=2, sampler=dict(type='ClassBalancedSampler'),
                          cam=dict(kinds=('flip', 'translate')))),  # the others round positions of sines
    'crt': stages(dict(begin=2, sampler=dict(type='ClassBalancedSampler'), freeze=['backbone'], reinit=['head.fc'],
                       lr=0.1)),
}


def train(name, work_dir):
    """Loss of the last step, accuracy and calibration after four epochs."""
    cfg = Config.fromfile(ROOT / 'configs/data/digits.py')
    loader = dict(collate_fn=dict(type='default_collate'), persistent_workers=False)
    cfg.merge_from_dict(dict(
        work_dir=str(work_dir), experiment_name=f'golden_{name}', log_level='ERROR', randomness=dict(seed=3),
        model=dict(backbone=dict(depth=8, base_channels=8), head=dict(in_channels=32)),
        train_pipeline=cfg.train_pipeline, param_scheduler=[dict(type='MultiStepLR', milestones=[3])],
        train_cfg=dict(max_epochs=4, val_interval=4), train_dataloader=dict(dataset=dict(size=16), **loader),
        val_dataloader=dict(dataset=dict(size=16), **loader), optim_wrapper=dict(optimizer=dict(lr=0.05)),
        default_hooks=dict(fast=dict(type='FastLoaderHook'), checkpoint=None)))
    cfg.train_dataloader.dataset.pipeline[0].update(crop_size=16, padding=2)
    cfg.merge_from_dict(RUNS[name])
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    default, kept = torch.get_default_dtype(), logging.root.manager.disable
    torch.set_default_dtype(torch.float64)
    try:
        runner = Runner.from_cfg(cfg)
        runner.train()
    finally:
        torch.set_default_dtype(default)
        logging.disable(kept)
    assert {p.dtype for p in runner.model.parameters()} == {torch.float64}
    scalars = runner.message_hub.log_scalars
    return {key: float(scalars[path].current()) for key, path in (
        ('loss', 'train/loss'), ('top1', 'val/lt/top1'), ('few', 'val/lt/few'), ('ece', 'val/lt/ece'))}


@pytest.mark.parametrize('name', list(RUNS))
def test_training_gives_what_it_gave(name, tmp_path):
    golden = json.loads(FILE.read_text())
    if torch.__version__.split('+')[0] != golden['torch']:
        pytest.skip(f'the results were kept with torch {golden["torch"]}, this is {torch.__version__}')
    assert train(name, tmp_path) == pytest.approx(golden['runs'][name], rel=0, abs=1e-6)


def test_the_kept_results_tell_the_runs_apart():
    runs = json.loads(FILE.read_text())['runs']
    assert runs.keys() == RUNS.keys()
    assert len({round(run['loss'], 4) for run in runs.values()}) == len(runs)


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as folder:
        results = {name: train(name, f'{folder}/{name}') for name in RUNS}
    FILE.write_text(json.dumps(dict(torch=torch.__version__.split('+')[0], runs=results), indent=1) + '\n')

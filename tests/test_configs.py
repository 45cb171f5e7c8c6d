"""Every leaf config is short, builds its parts, and names only what exists."""
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, METRICS, MODELS, init_default_scope
from mmpretrain.registry import DATASETS
from mmpretrain.registry import HOOKS as MM_HOOKS

from mmlt.engine.hooks import StageSwitchHook

ROOT = Path(__file__).resolve().parents[1]
LEAVES = sorted((ROOT / 'configs/lt').glob('*.py'))


@pytest.mark.parametrize('path', LEAVES, ids=lambda p: p.stem)
def test_leaf_builds(path):
    assert len(path.read_text().splitlines()) < 25
    cfg = Config.fromfile(path)
    init_default_scope('mmpretrain')
    model = cfg.model
    if model.backbone.get('depth') == 152:
        model.backbone.depth = 50  # as wide, built sooner
    model = MODELS.build(dict(model, data_preprocessor=cfg.data_preprocessor))
    assert model.head.num_classes == cfg.data_preprocessor.num_classes
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATASETS.get(loader.dataset.type)
        assert DATA_SAMPLERS.get(loader.sampler.type)
    METRICS.build(cfg.val_evaluator)
    for hook in [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]:
        assert MM_HOOKS.get(hook.type)
        for stage in StageSwitchHook(hook.stages).stages if hook.type == 'StageSwitchHook' else []:
            if 'loss' in stage:
                MODELS.build(stage['loss'])
            if 'sampler' in stage:
                assert DATA_SAMPLERS.get(stage['sampler']['type'])
            assert stage['begin'] < cfg.train_cfg.max_epochs


def test_main_recipes_exist_for_every_data_set():
    names = {path.stem for path in LEAVES}
    datasets = ['digits', 'cifar10_lt', 'cifar100_lt', 'imagenet_lt', 'places_lt', 'inat2018']
    assert {f'{m}_{d}' for m in ('ce', 'cb_sampling', 'drs', 'cam_bs') for d in datasets} <= names

"""Every config of a detector is short, loads offline, and builds its parts."""
from pathlib import Path

import pytest

pytest.importorskip('mmdet')
pytest.importorskip('mmcv._ext', reason='MMCV has no compiled ops')
import torch
from mmengine.registry import init_default_scope

from mmlt.engine.overlays import load

ROOT = Path(__file__).resolve().parents[2]
BASES = sorted(path.stem for path in (ROOT / 'configs/det').glob('*.py'))
METHODS = sorted(path.stem for path in (ROOT / 'configs/det/methods').glob('*.py'))
RECIPES = [(base, method) for base in BASES for method in ['', *METHODS]]


@pytest.mark.parametrize('base, method', RECIPES)
def test_recipe_builds(base, method):
    from mmdet.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS

    from mmlt.engine.hooks import StageSwitchHook
    if base.startswith('cascade') and method in ('acsl', 'bags', 'disalign'):
        pytest.skip('they freeze the one head of a detector that is no cascade')
    cfg = load(base, *method.split())
    init_default_scope(cfg.default_scope)
    model = cfg.model
    model.backbone.update(depth=18, base_channels=8, init_cfg=None)  # as many levels, built sooner
    model.neck.in_channels = [8, 16, 32, 64]
    heads = model.roi_head.bbox_head
    for head in heads if isinstance(heads, list) else [heads]:
        head.fc_out_channels = 64
    model = MODELS.build(model)
    num_classes = 1203 if 'lvis' in base else 80
    heads = model.roi_head.bbox_head
    for head in heads if isinstance(heads, torch.nn.ModuleList) else [heads]:
        head.init_weights()
        assert head.num_classes == num_classes
        assert type(head.fc_cls).__name__ == head.cls_predictor_cfg['type']
        width = head.loss_cls.get_cls_channels(num_classes) if head.custom_cls_channels else num_classes + 1
        assert len(head.fc_cls.weight) == width
    if model.with_mask and not isinstance(model.roi_head.mask_head, torch.nn.ModuleList):
        assert model.roi_head.mask_head.num_classes == num_classes
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATASETS.get(loader.dataset.type) and DATA_SAMPLERS.get(loader.sampler.type)
    assert METRICS.get(cfg.val_evaluator.type)
    for hook in cfg.default_hooks.values():
        assert HOOKS.get(hook.type)
        for stage in StageSwitchHook(hook.stages).stages if hook.type == 'StageSwitchHook' else []:
            for part in stage['freeze']:
                model.get_submodule(part)
    if cfg.load_from:
        assert Path(cfg.load_from).parent.name.removeprefix('ce_') == base


def test_the_tools_leave_collating_to_the_framework():
    """MMEngine's inferencers read ``collate_fn`` as a name, and fail on a config dict."""
    from mmlt.engine.cli import load_config, parser
    cfg = load_config(parser('').parse_args(['coco']))
    assert all('collate_fn' not in cfg[f'{split}_dataloader'] for split in ('train', 'val', 'test'))

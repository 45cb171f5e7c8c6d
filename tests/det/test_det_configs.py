"""Every config of a detector is short, loads offline, and builds its parts."""
from pathlib import Path

import pytest

pytest.importorskip('mmdet')
pytest.importorskip('mmcv._ext', reason='MMCV has no compiled ops')
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parents[2]
LEAVES = sorted((ROOT / 'configs/lt/det').glob('*.py'))


@pytest.mark.parametrize('path', LEAVES, ids=lambda p: p.stem)
def test_config_builds(path):
    from mmdet.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS

    from mmlt.engine.hooks import StageSwitchHook
    assert len(path.read_text().splitlines()) < 25
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    model = cfg.model
    model.backbone.update(depth=18, base_channels=8, init_cfg=None)  # as many levels, built sooner
    model.neck.in_channels = [8, 16, 32, 64]
    heads = model.roi_head.bbox_head
    for head in heads if isinstance(heads, list) else [heads]:
        head.fc_out_channels = 64
    model = MODELS.build(model)
    num_classes = 1203 if 'lvis' in path.stem else 80
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
        assert (path.parent / f'{Path(cfg.load_from).parent.name}.py') in LEAVES


def test_every_method_of_the_issue_on_both_sets():
    methods = ('bags', 'eqlv2', 'seesaw-cosine', 'disalign', 'tde')
    assert {f'{m}_{d}' for m in methods for d in ('lvis_v1', 'coco')} <= {path.stem for path in LEAVES}


def test_the_tools_leave_collating_to_the_framework():
    """MMEngine's inferencers read ``collate_fn`` as a name, and fail on a config dict."""
    from mmlt.engine.cli import load_config, parser
    cfg = load_config(parser('').parse_args([str(LEAVES[0])]))
    assert all('collate_fn' not in cfg[f'{split}_dataloader'] for split in ('train', 'val', 'test'))

"""Every method of configs/seg on every network builds without a download, and gives finite losses."""
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmseg')
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATA_SAMPLERS, MODELS
from mmengine.structures import PixelData
from mmseg.registry import DATASETS, HOOKS, METRICS, TRANSFORMS
from mmseg.structures import SegDataSample

from mmlt.engine.overlays import load

ROOT = Path(__file__).parents[2]
NETWORKS = 'fcn_r50_ade20k', 'upernet_r50_ade20k'
METHODS = sorted(path.stem for path in (ROOT / 'configs/seg/methods').glob('*.py'))
META = dict(ori_shape=(64, 64), img_shape=(64, 64), pad_shape=(64, 64))


@pytest.mark.parametrize('network', NETWORKS)
@pytest.mark.parametrize('method', ['', *METHODS])
def test_method_builds_and_trains(network, method):
    cfg = load(network, *method.split())
    assert cfg.default_scope == 'mmseg' and len(cfg.class_counts) == cfg.model.decode_head.num_classes == 150
    cfg.model.backbone.depth = 18  # built sooner
    cfg.model.backbone.update(strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1))
    head, aux = cfg.model.decode_head, cfg.model.auxiliary_head
    head.channels, head.in_channels = 32, [64, 128, 256, 512] if head.type == 'UPerHead' else 512
    if aux:
        aux.channels, aux.in_channels = 32, 256
    model = revert_sync_batchnorm(MODELS.build(cfg.model))
    sample = SegDataSample(metainfo=dict(META), gt_sem_seg=PixelData(data=torch.randint(150, (1, 64, 64))))
    sample.gt_sem_seg.data[:, :8] = 255
    losses = model.train()(torch.randn(2, 3, 64, 64), [sample, sample], mode='loss')
    total = sum(value for key, value in losses.items() if 'loss' in key)
    total.backward()
    assert total.isfinite() and any(p.grad is not None for p in model.decode_head.conv_seg.parameters())
    assert model.eval()(torch.randn(1, 3, 64, 64), [sample], mode='predict')[0].pred_sem_seg.shape == (64, 64)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATASETS.get(loader.dataset.type).METAINFO['classes'][0] == 'wall'
        assert DATA_SAMPLERS.get(loader.sampler.type)
        assert all(TRANSFORMS.get(t.type) for t in loader.dataset.pipeline)
    METRICS.build(cfg.val_evaluator)
    assert all(HOOKS.get(hook.type) for hook in cfg.default_hooks.values())
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[0].end


@pytest.mark.parametrize('network', NETWORKS)
def test_the_plain_network_is_mmsegs(network):
    """The bases agree with MMSegmentation's own for this network."""
    mmseg = Path(pytest.importorskip('mmseg').__file__).parent / '.mim/configs'
    if not mmseg.is_dir():
        pytest.skip('this MMSegmentation brings no configs')
    name = network.split('_')[0]
    name = f'{name}/{"fcn_r50-d8" if name == "fcn" else "upernet_r50"}_4xb4-160k_ade20k-512x512.py'
    theirs, ours = Config.fromfile(mmseg / name), load(network)
    theirs.model.pretrained = theirs.model.backbone.init_cfg = ours.model.backbone.init_cfg = None
    theirs.model.data_preprocessor.pop('type')
    states = []
    for cfg in (theirs, ours):
        cfg.model.data_preprocessor.type = 'SegDataPreProcessor'
        states.append({k: v.shape for k, v in MODELS.build(cfg.model).state_dict().items()})
    assert states[0] == states[1]
    assert ours.optim_wrapper.optimizer == theirs.optimizer and ours.param_scheduler[0].eta_min == 1e-4
    ours_types, theirs_types = ([t.type for t in cfg.train_dataloader.dataset.pipeline] for cfg in (ours, theirs))
    assert ours_types == theirs_types

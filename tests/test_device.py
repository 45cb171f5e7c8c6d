"""A training step reads nothing back from its device: on the meta device, whose values nobody can read, and on a GPU,
which is told to stop at every synchronisation."""
import contextlib

import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain')
pytest.importorskip('sklearn')
from mmengine.dataset import pseudo_collate
from mmengine.logging import MessageHub
from mmengine.registry import init_default_scope
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS, MODELS
from torch.utils.data import DataLoader

import mmlt  # noqa: F401
from mmlt.cli.names import methods
from mmlt.data.batched import compile_transforms
from mmlt.data.batched.per_image import PerImage
from mmlt.engine.access import batch_augments, prepare_augments
from mmlt.engine.fast import FastLoader
from mmlt.engine.overlays import load

DEVICES = ['meta', *(['cuda'] if torch.cuda.is_available() else [])]
# another model, data or finished run is needed; MMPretrain's own label smoothing reads the largest label, TSC matches
# classes and targets on the host once an epoch
ELSEWHERE = {'cbd', 'crest', 'deep_rtc', 'dive', 'fsdp', 'gml', 'gml_again', 'lfme', 'mocov3', 'ride_distill',
             'rotation', 'simsiam', 'label_smooth', 'label_smooth-drw', 'lift', 'lift_plus', 'five_crop',
             'linear_probe', 'classifier_only+la', 'full_ft+la', 'tsc', 'vit_b16_clip', 'xerm', 'bkd'}
DRAWS = {'bags', 'softmax_eql', 'gcl', 'gcl_classifier', 'kcl'}  # by a generator of the device, which meta has none of
NAMES = sorted(name for name in methods() if name.removeprefix('gallery/') not in ELSEWHERE)
ONE_EACH = [
    'bbn', 'balanced_softmax', 'ldam-drw', 'ride', 'sade', 'balpoe', 'ncl', 'bcl', 'proco', 'paco', 'gpaco',
    'gml_alone', 'glmc', 'hybrid_sc', 'hybrid_psc', 'seesaw', 'eqlv2', 'acsl', 'lade', 'cosine', 'causal', 'etf',
    'mixup', 'gallery/remix', 'gallery/manifold_mixup', 'unimix', 'cmo', 'distribution_balanced', 'disalign',
    'dro_lt', 'metasaug', 'batchformer', 'marc',
]


@contextlib.contextmanager
def no_synchronisation(device):
    if device == 'cuda':
        torch.cuda.set_sync_debug_mode('error')
    try:
        yield
    finally:
        if device == 'cuda':
            torch.cuda.set_sync_debug_mode('default')


def first_batch(cfg, n=16):
    """n images of the classes in turn, and the counts of the training set."""
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    labels = np.array([dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))])
    batch = pseudo_collate([dataset[i] for i in range(0, len(dataset), max(len(dataset) // n, 1))][:n])
    for i, sample in enumerate(batch['data_samples']):
        sample.set_metainfo(dict(sample_idx=i))
    return batch, np.bincount(labels, minlength=10)


@DATASETS.register_module(force=True)
class Dots(BaseDataset):
    """40 images of 32 px in memory, of ten classes."""

    METAINFO = {'classes': list('abcdefghij')}

    def __init__(self, pipeline=(), **kwargs):
        super().__init__(ann_file='', pipeline=pipeline)

    def load_data_list(self):
        images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
        return [dict(img=image, img_shape=(32, 32), gt_label=i % 10) for i, image in enumerate(images)]


class Partners:
    """Gives the batch itself, for the second branch."""

    def __init__(self, data):
        self.data = data

    def take(self, n):
        return self.data['inputs'], self.data['data_samples']

    def pairs(self):
        while True:
            labels = torch.cat([sample.gt_label for sample in self.data['data_samples']])
            yield self.data['inputs'], torch.nn.functional.one_hot(labels, 10).float()


def build(name, device):
    """The model, a batch, and the losses of later stages."""
    cfg = load('digits', name)
    init_default_scope('mmpretrain')
    batch, counts = first_batch(cfg)
    model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.get('data_preprocessor'))).train()
    stages = cfg.default_hooks.get('stages', {}).get('stages', [])
    late = [MODELS.build(stage.loss).train().to(device) for stage in stages if 'loss' in stage]
    for part in (*model.modules(), *late):
        if hasattr(part, 'set_class_counts'):
            part.set_class_counts(counts)
    model = model.to(device)
    augments = batch_augments(model)
    prepare_augments(augments, model, torch.as_tensor(counts))
    if any(hasattr(part, 'partner_power') for part in (model, *augments)):
        partners = Partners(model.data_preprocessor(batch, False))
        for part in (model, *augments):
            if hasattr(part, 'partner_power'):
                part.partners = partners if part is model else partners.pairs()
    return model, batch, late


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('name', [pytest.param(name, marks=() if name in ONE_EACH else pytest.mark.long)
                                  for name in NAMES])
def test_a_step_reads_nothing_from_its_device(name, device):
    if device == 'meta' and name in DRAWS:
        pytest.skip('the meta device draws no numbers')
    hub = MessageHub.get_instance(f'{name} {device}')
    for key, value in dict(epoch=1, max_epochs=4, iter=3, max_iters=9).items():
        hub.update_info(key, value)
    model, batch, late = build(name, device)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    data = model.data_preprocessor(batch, True)  # on a GPU, images wait for the copy
    for loss in (None, *late):
        if loss is not None:
            model.head.loss_module = loss
        with no_synchronisation(device):
            losses = model.loss(**data)
            total = sum(x.mean() for key, x in losses.items() if 'loss' in key)
            total.backward()
            optimizer.step()
    assert total.device.type == device and any(p.grad is not None for p in parameters)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('name', ['ce', 'autoaugment', 'bcl', 'paco', 'gml_alone'])
def test_a_batch_from_memory_reads_nothing_from_its_device(name, device):
    cfg = load('cifar10_lt', *([] if name == 'ce' else [name]), options={'train_dataloader.dataset.type': 'Dots'})
    init_default_scope('mmpretrain')
    loader = FastLoader(DataLoader(DATASETS.build(cfg.train_dataloader.dataset), 8, collate_fn=pseudo_collate),
                        device=device)
    assert not any(isinstance(op, PerImage) for op in compile_transforms(loader.dataset.pipeline.transforms)[1])
    loader._load()
    with no_synchronisation(device):
        batch = loader.batch(list(range(8)), np.random.default_rng(0).random((8, loader._draws)))
    assert all(sample.gt_label.device.type == device for sample in batch['data_samples'])
    inputs = batch['inputs']
    for view in inputs if isinstance(inputs, list) else [inputs]:
        assert view.shape == (8, 3, 32, 32) and view.device.type == device and view.dtype == torch.uint8

"""A short run of each family of recipes, on any number of ranks; importable by spawned processes.

Not of contrastive ones: their projector has batch norm, with statistics of each rank. Their losses and the queue are
compared in core/contrast.
"""

import multi_view
import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import nn


@MODELS.register_module()
class PlainNet(BaseModule):
    """Two convolutions without batch norm, whose statistics are a rank's own."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Sequential(nn.Conv2d(n, 16, 3, 2, 1), nn.Tanh()) for n in (3, 16)))

    def forward(self, x):
        return (self.layers(x), )


LINEAR = dict(type='LongTailClsHead', num_classes=3, in_channels=16)
PARTNERS = dict(default_hooks__partners=dict(type='PartnerHook'))
STAGES = [dict(begin=1, sampler=dict(type='ClassBalancedSampler'), loss=dict(type='CrossEntropyLoss'),
               freeze=['backbone'])]
FAMILIES = {
    **{name: ({}, dict(views=1, head=dict(LINEAR, loss=dict(type=name))))
       for name in ('BalancedSoftmaxLoss', 'SeesawSoftmaxLoss', 'EqualizationLossV2', 'LDAMLoss')},
    'stages': ({}, dict(views=1, head=LINEAR, stages=STAGES)),
    'partners': (dict(type='BilateralBranchClassifier', joint=True, block='layers.1'),
                 dict(views=1, head=LINEAR, **PARTNERS)),
}


def train(name, folder, world=1, resume=None):
    """-> weights and buffers, the last epoch's indices of this rank, the metrics of the validation."""
    def prepare(cfg):
        cfg.model.backbone = dict(type='PlainNet')
        cfg.train_dataloader.batch_size = 12 // world
        if world > 1:
            cfg.launcher = 'pytorch'
            cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)
        if resume:
            cfg.load_from = str(resume)

    model, settings = FAMILIES[name]
    run = multi_view.runner(folder, model, epochs=2, prepare=prepare,
                            resume=resume is not None, **settings)
    run.train()
    model = run.model.module if world > 1 else run.model
    metrics = {key: value.current() for key, value in run.message_hub.log_scalars.items() if key.startswith('val/lt')}
    return dict(state={key: value.clone() for key, value in model.state_dict().items()}, metrics=metrics,
                drawn=list(run.train_dataloader.batch_sampler.sampler))


def worker(rank, world, folder, resumed):
    torch.distributed.init_process_group('gloo')
    for name in FAMILIES:
        torch.save(train(name, folder / name, world), folder / f'{name}.{rank}.pt')
    torch.save(train('stages', folder / 'resumed', world, resumed), folder / f'resumed.{rank}.pt')

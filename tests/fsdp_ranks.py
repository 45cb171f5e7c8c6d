"""Short trainings of a ViT on several ranks by the train command, sharded or not; importable by spawned processes."""
import tiny
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from mmlt.cli import train

STAGES = [dict(begin=1, sampler=dict(type='ClassBalancedSampler'), lr=5e-4, loss=dict(type='CrossEntropyLoss'))]
VIT = dict(type='TimmFeatures', name='vit_tiny_patch16_224', image_size=8, patch_size=4, depth=3)
HEAD = dict(type='LongTailClsHead', num_classes=3, in_channels=192, classifier=dict(type='CosineLinear', scale=16.),
            loss=dict(type='BalancedSoftmaxLoss'))
RUNS = {}  # work dir: what Keep kept


@HOOKS.register_module()
class Keep(Hook):
    """Notes what a run did."""

    def before_train(self, runner):
        self.kept = RUNS[runner.work_dir] = dict(losses=[])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.kept['losses'].append(outputs['loss'].item())

    def after_train(self, runner):
        parameters = list(runner.model.parameters())
        self.kept['local'] = sum(getattr(p, '_local_tensor', p).numel() for p in parameters)
        self.kept['whole'] = sum(p.numel() for p in parameters)
        self.kept['buffers'] = {key: value.clone() for key, value in runner.model.named_buffers()}
        self.kept['metric'] = float(runner.message_hub.get_scalar('val/lt/top1').current())


def write_config(folder, world, adapter='full', epochs=2):
    """A config file of a tiny ViT with balanced softmax, then cross entropy on class-balanced draws."""
    cfg = tiny.config(folder / 'runs', epochs, STAGES if epochs > 1 else None,
                      train_dataloader__batch_size=12 // world)
    cfg.model = dict(type='LIFTClassifier', adapter=adapter, backbone=VIT, head=HEAD)
    cfg.optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
                             clip_grad=dict(max_norm=1.0), paramwise_cfg=dict(norm_decay_mult=0.))
    cfg.default_hooks.update(checkpoint=dict(type='AtomicCheckpointHook', interval=1, save_best='lt/top1'),
                             random_state=dict(type='RandomStateHook'), load=dict(type='CheckedLoadHook'),
                             nan=dict(type='StopOnNaNHook'), keep=dict(type='Keep'))
    folder.mkdir(parents=True, exist_ok=True)
    cfg.dump(folder / 'vit.py')
    return str(folder / 'vit.py')


def run(folder, work_dir, *words, world=1, **settings):
    """Train; -> what the run did on this rank."""
    train.main([write_config(folder, world, **settings), *words, '--work-dir', str(work_dir), '--no-report',
                *(['--launcher', 'pytorch'] if world > 1 else [])])
    return RUNS[str(work_dir)]


def worker(rank, world, folder, tasks):
    """Each task: (name, words, settings)."""
    for name, words, settings in tasks:
        kept = run(folder / f'{name}_{rank}', folder / name, *words, world=world, **settings)
        torch.save(kept, folder / f'{name}.{rank}.pt')

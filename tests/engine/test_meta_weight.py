"""MetaWeightHook in runs of seconds."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny

from mmlt.engine.hooks import MetaWeightHook

LOSS = dict(type='MetaWeightLoss', hidden=8)
HEAD = dict(type='LongTailClsHead', num_classes=3, in_channels=16, loss=LOSS)
HOOK = dict(custom_hooks=[dict(type='MetaWeightHook', meta_batch=6), dict(type='RandomStateHook')])
WHOLE = dict(HOOK, model__head=HEAD)
LATE = dict(HOOK, model__head={**HEAD, 'loss': dict(type='CrossEntropyLoss')}, stages=[dict(begin=2, loss=LOSS)])
AMP = dict(WHOLE, optim_wrapper__type='CPUAmpOptimWrapper')


@pytest.mark.parametrize('settings', [WHOLE, LATE, AMP], ids=['whole', 'stage', 'amp'])
def test_resumed_run_is_bit_identical(tmp_path, settings):
    whole = tiny.train(tmp_path / 'whole', epochs=4, **settings)
    for epoch in (1, 3):
        saved = str(tmp_path / f'whole/epoch_{epoch}.pth')
        part = tiny.train(tmp_path / f'part{epoch}', epochs=4, resume=True, load_from=saved, **settings)
        a, b = whole.model.state_dict(), part.model.state_dict()
        assert [k for k in a if not torch.equal(a[k], b[k])] == []
    if settings is not LATE:
        first = torch.load(tmp_path / 'whole/epoch_1.pth', weights_only=False)['state_dict']
        net = whole.model.head.loss_module.weight_net
        assert not any(torch.equal(x, first[f'head.loss_module.{name}']) for name, x in net.items())


def test_resumed_within_an_epoch_with_mixup(tmp_path):
    """8 steps of an iteration-based run, 6 an epoch; the hook mixes its copy of the batch by draws of that step."""
    def train(folder, **more):
        cfg = tiny.config(folder, model__head=HEAD, **HOOK, param_scheduler=[], **more,
                          train_dataloader__num_workers=1,  # in the main process, images seed, too
                          data_preprocessor__batch_augments=dict(augments=[dict(type='Mixup', alpha=1.0)]),
                          default_hooks__checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False))
        cfg.train_cfg = dict(by_epoch=False, max_iters=8, val_interval=8)
        cfg.experiment_name = folder.name
        run = tiny.Runner.from_cfg(cfg)
        run.train()
        return run.model.state_dict()
    whole = train(tmp_path / 'whole')
    for step in (3, 7):
        part = train(tmp_path / f'part{step}', resume=True, load_from=str(tmp_path / f'whole/iter_{step}.pth'))
        assert [k for k in whole if not torch.equal(whole[k], part[k])] == []


def test_the_model_moves_by_its_own_steps_alone(tmp_path):
    """With a rate of 0 for the weights, the hook changes nothing else: no batch norm, no gradient, no draw."""
    frozen = dict(type='MetaWeightHook', optimizer=dict(type='SGD', lr=0.0))
    a = tiny.train(tmp_path / 'a', epochs=2, model__head=HEAD, custom_hooks=[frozen])
    b = tiny.train(tmp_path / 'b', epochs=2, model__head=HEAD)
    assert [k for k, v in a.model.state_dict().items() if not torch.equal(v, b.model.state_dict()[k])] == []


def test_weights_follow_what_balanced_images_need(tmp_path):
    """Rare classes have large losses: images of large loss come to weigh more."""
    hook = dict(type='MetaWeightHook', optimizer=dict(type='Adam', lr=0.05))
    run = tiny.train(tmp_path, epochs=6, model__head=HEAD, custom_hooks=[hook])
    small, large = run.model.head.loss_module.shares(torch.tensor([0.1, 3.0]))
    assert large > small


@pytest.mark.parametrize('fast', [False, True])
def test_other_images(tmp_path, fast):
    """12 images of classes 1 and 2 alone, beside the training set."""
    other = dict(type='TinyImages', counts=(0, 8, 4), pipeline=[dict(type='PackInputs')])
    extra = dict(default_hooks__fast=dict(type='FastLoaderHook')) if fast else {}
    run = tiny.runner(tmp_path, epochs=1, model__head=HEAD, **extra,
                      custom_hooks=[dict(type='MetaWeightHook', dataset=other)])
    run.train()
    stream = next(hook.stream for hook in run.hooks if isinstance(hook, MetaWeightHook))
    stream.begin(run)
    drawn = torch.cat([sample.gt_label for _ in range(6) for sample in stream.take(10)[1]])
    assert drawn.bincount().tolist()[0] == 0 and 15 < drawn.bincount()[1] < 45
    assert type(stream.loader).__name__ == ('FastLoader' if fast else 'DataLoader')


def test_without_such_a_loss(tmp_path):
    with pytest.raises(ValueError, match='teaches a MetaWeightLoss, the model has none'):
        tiny.train(tmp_path, epochs=1, custom_hooks=[dict(type='MetaWeightHook')])


def test_bad_argument():
    with pytest.raises(ValueError, match='meta_batch must be an integer >= 1, got 0'):
        MetaWeightHook(meta_batch=0)

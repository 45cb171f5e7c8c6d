"""Samplers that follow the training, in runs of seconds."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny

from mmlt.engine.hooks import ClassAccuracyHook, MetaSamplerHook

HEAD = dict(type='LongTailClsHead', num_classes=3, in_channels=16)
DRIVEN = dict(custom_hooks=[dict(type='ClassAccuracyHook')],
              stages=[dict(begin=0, sampler=dict(type='AccuracyDrivenSampler'))])
META = dict(custom_hooks=[dict(type='MetaSamplerHook', meta_batch=6)], model__head=HEAD,
            stages=[dict(begin=1, freeze=['backbone'], sampler=dict(type='MetaSampler', lr=0.1))])


def sampler_of(run):
    return run.train_dataloader.batch_sampler.sampler.samplers[-1]


@pytest.mark.parametrize('settings', [DRIVEN, META, dict(DRIVEN, train_dataloader__num_workers=1)],
                         ids=['driven', 'meta', 'workers'])
def test_resumed_run_is_bit_identical(tmp_path, settings):
    whole = tiny.train(tmp_path / 'whole', epochs=4, **settings)
    for epoch in (1, 3):
        saved = str(tmp_path / f'whole/epoch_{epoch}.pth')
        part = tiny.train(tmp_path / f'part{epoch}', epochs=4, resume=True, load_from=saved, **settings)
        a, b = whole.model.state_dict(), part.model.state_dict()
        assert [k for k in a if not torch.equal(a[k], b[k])] == []
        assert torch.equal(sampler_of(whole).class_probabilities, sampler_of(part).class_probabilities)


def test_accuracy_is_that_of_the_training_predictions(tmp_path):
    run, seen = tiny.runner(tmp_path, epochs=2, **DRIVEN), []
    hook = next(h for h in run.hooks if isinstance(h, ClassAccuracyHook))
    watch = hook.watch
    hook.watch = lambda logits, labels: (seen.append((logits.argmax(1), labels)), watch(logits, labels))
    run.train()
    drawn = seen[6:]  # the second epoch
    assert len(drawn) == 6
    predicted, labels = (torch.cat(x) for x in zip(*drawn))
    for c in range(3):
        mine = predicted[labels == c]
        assert hook.accuracy[c].item() == pytest.approx((mine == c).double().mean().item() if len(mine) else 0)
    assert torch.equal(sampler_of(run).class_accuracy, hook.accuracy)


def test_the_meta_sampler_draws_what_the_balanced_loss_lacks(tmp_path):
    run = tiny.train(tmp_path, epochs=4, **META)
    start, now = torch.tensor(tiny.COUNTS) / sum(tiny.COUNTS), sampler_of(run).class_probabilities
    assert now[2] > 1.3 * start[2] and now[0] < start[0]
    assert sampler_of(run).block == 10


@pytest.mark.parametrize('settings, message', [
    (dict(custom_hooks=[dict(type='ClassAccuracyHook')]), 'goes with AccuracyDrivenSampler.*drawn by DefaultSampler'),
    (dict(custom_hooks=[dict(type='MetaSamplerHook')]), 'goes with MetaSampler.*set train_dataloader.sampler'),
])
def test_bad_settings(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        tiny.train(tmp_path, epochs=1, **settings)


def test_an_iteration_based_run_is_refused(tmp_path):
    cfg = tiny.config(tmp_path, custom_hooks=[dict(type='ClassAccuracyHook')])
    cfg.train_cfg = dict(by_epoch=False, max_iters=4)
    cfg.experiment_name = 'iterations'
    with pytest.raises(ValueError, match='counts epochs, the run has IterBasedTrainLoop'):
        tiny.Runner.from_cfg(cfg).train()


def test_bad_argument():
    with pytest.raises(ValueError, match='meta_batch must be an integer >= 1, got 0'):
        MetaSamplerHook(meta_batch=0)

import warnings

import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny

LOSS = dict(type='BalancedSoftmaxLoss')


def test_counts_reach_loss_metric_and_checkpoint(tmp_path):
    run = tiny.train(tmp_path, epochs=1, model__head__loss=LOSS)
    assert run.model.head.loss_module.class_counts.tolist() == list(tiny.COUNTS)
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    assert saved['meta']['class_counts'] == list(tiny.COUNTS)
    metrics = {k for k in run.message_hub.log_scalars if k.startswith('val/lt/')}
    assert {'val/lt/many', 'val/lt/medium', 'val/lt/few'} <= metrics


def test_test_run_takes_counts_from_the_checkpoint(tmp_path):
    tiny.train(tmp_path / 'train', epochs=1)
    result = tiny.runner(tmp_path / 'test', load_from=str(tmp_path / 'train/epoch_1.pth')).test()
    assert {'lt/many', 'lt/medium', 'lt/few'} <= result.keys()


def test_stage_two_counts_win_over_the_checkpoint(tmp_path):
    tiny.train(tmp_path / 'one', epochs=1, model__head__loss=LOSS)
    two = tiny.train(tmp_path / 'two', epochs=1, model__head__loss=LOSS, load_from=str(tmp_path / 'one/epoch_1.pth'),
                     train_dataloader__dataset__counts=(9, 8, 7))
    assert two.model.head.loss_module.class_counts.tolist() == [9, 8, 7]


def test_ema_copy_has_the_counts(tmp_path):
    run = tiny.train(tmp_path, epochs=1, model__head__loss=LOSS, custom_hooks=[dict(type='EMAHook')])
    ema = next(h.ema_model.module for h in run.hooks if hasattr(h, 'ema_model'))
    assert ema.head.loss_module.class_counts.tolist() == list(tiny.COUNTS)


@pytest.mark.parametrize('loss', [LOSS, dict(type='SeesawSoftmaxLoss')])
def test_ema_may_average_the_buffers(tmp_path, loss):
    """MMEngine's copy lists its buffers before the counts make them as wide as the classes."""
    settings = dict(epochs=2, model__head__loss=loss, stages=[dict(begin=1, loss=dict(type='LDAMLoss'))],
                    custom_hooks=[dict(type='EMAHook', momentum=0.1, update_buffers=True)])
    whole = tiny.train(tmp_path / 'whole', **settings)
    part = tiny.train(tmp_path / 'part', resume=True, load_from=str(tmp_path / 'whole/epoch_1.pth'), **settings)
    copies = [next(h.ema_model.module for h in run.hooks if hasattr(h, 'ema_model')) for run in (whole, part)]
    for loss in copies[0].head.loss_module.losses:
        assert loss.class_counts.tolist() == list(tiny.COUNTS)
    mean = 'backbone.bn1.running_mean'
    assert not copies[0].get_buffer(mean).equal(whole.model.get_buffer(mean))
    for name, tensor in copies[0].state_dict().items():
        assert tensor.equal(copies[1].state_dict()[name]), name


def test_empty_class(tmp_path):
    with pytest.raises(ValueError, match='class 2 has the training count 0'):
        tiny.train(tmp_path, model__head__loss=LOSS, train_dataloader__dataset__counts=(40, 10, 0))
    tiny.train(tmp_path, epochs=1, train_dataloader__dataset__counts=(40, 10, 0))  # cross entropy needs no prior


def test_num_classes_disagrees(tmp_path):
    with pytest.raises(ValueError, match=r'num_classes=4.*3 classes'):
        tiny.train(tmp_path, model__head__num_classes=4)


def test_soft_labels_of_other_classes(tmp_path):
    tiny.train(tmp_path, epochs=1, data_preprocessor__num_classes=4)  # which makes none
    with pytest.raises(ValueError, match=r'num_classes=4.*3 classes; set data_preprocessor.num_classes=3'):
        tiny.train(tmp_path, data_preprocessor__num_classes=4,
                   model__train_cfg=dict(augments=dict(type='Mixup', alpha=1.)))


def test_checkpoint_of_other_classes(tmp_path):
    tiny.train(tmp_path / 'one', epochs=1)
    with pytest.raises(ValueError, match=r'head\.fc\.weight has 3 rows, the model 5 classes'):
        tiny.runner(tmp_path / 'two', model__head__num_classes=5, load_from=str(tmp_path / 'one/epoch_1.pth')).test()


@pytest.mark.parametrize('train_cfg', [dict(augments=dict(type='Mixup', alpha=0.8), probs=[0.5]), dict(augments=None)])
def test_batch_augmentation_that_may_do_nothing(tmp_path, train_cfg):
    """MMPretrain puts None among its augmentations where their probabilities leave something over."""
    run = tiny.train(tmp_path, epochs=1, model__head__loss=LOSS, model__train_cfg=train_cfg)
    assert run.model.data_preprocessor.batch_augments.augments[-1] is None


def test_given_counts(tmp_path):
    run = tiny.train(tmp_path, epochs=1, model__head__loss=LOSS, default_hooks__class_counts__class_counts=[7, 7, 7])
    assert run.model.head.loss_module.class_counts.tolist() == [7, 7, 7]


def test_parts_keep_the_counts_they_were_given(tmp_path, capfd):
    """Also when a checkpoint brings others."""
    tiny.train(tmp_path / 'one', epochs=1, model__head__loss=LOSS)
    own = dict(LOSS, class_counts=[9, 15, 5])
    metric = dict(type='LongTailMetric', class_counts=[200, 50, 1])
    run = tiny.train(tmp_path / 'two', epochs=1, model__head__loss=own, val_evaluator=metric, log_level='WARNING',
                     load_from=str(tmp_path / 'one/epoch_1.pth'))
    assert run.model.head.loss_module.class_counts.tolist() == [9, 15, 5]
    assert run.val_evaluator.metrics[0].class_counts.tolist() == [200, 50, 1]
    out = capfd.readouterr().out
    assert 'first in class 0: 9 against 40' in out
    assert out.count('LongTailMetric keeps the class_counts') == 1
    with pytest.raises(ValueError, match=r'BalancedSoftmaxLoss was given class_counts of 2 classes.* has 3'):
        tiny.train(tmp_path / 'three', epochs=1, model__head__loss=dict(LOSS, class_counts=[9, 15]))


def test_given_counts_of_another_length(tmp_path):
    with pytest.raises(ValueError, match=r'class_counts=.*ClassCountsHook has 2 entries, head .* num_classes=3'):
        tiny.train(tmp_path, epochs=1, default_hooks__class_counts__class_counts=[7, 7])


BALANCED = dict(type='ClassBalancedSampler')


@pytest.mark.parametrize('loss', [
    dict(type='CostSensitiveLoss'), dict(type='WeightedSoftmaxLoss'), dict(type='GeneralizedReweightLoss'),
    dict(type='ClassBalancedLoss'), dict(type='LDAMLoss', class_weight='effective'),
    dict(type='SoftmaxFocalLoss', class_weight=[1.0, 2.0, 6.0])
], ids=lambda cfg: cfg['type'])
@pytest.mark.parametrize('deferred', [False, True])
def test_balanced_sampler_with_weights_warns(tmp_path, loss, deferred):
    change = dict(stages=[dict(begin=1, sampler=BALANCED, loss=loss)]) if deferred else dict(
        model__head__loss=loss, train_dataloader__sampler=dict(BALANCED, _delete_=True))
    with pytest.warns(UserWarning, match=f'ClassBalancedSampler and the weights of {loss["type"]} together .* class 2'):
        tiny.train(tmp_path, epochs=2, **change)


@pytest.mark.parametrize('loss, sampler', [
    (dict(type='CostSensitiveLoss'), dict(type='DefaultSampler', shuffle=True)),
    (dict(type='LogitAdjustLoss'), dict(type='PowerSampler', q=1.0)),
    (dict(type='CostSensitiveLoss', gamma=0.5), dict(type='SquareRootSampler')),  # half and half: balanced
    (dict(type='ClassBalancedLoss', beta=0.0), BALANCED), (dict(type='LDAMLoss'), BALANCED),
    (dict(type='SeesawSoftmaxLoss'), BALANCED), (dict(type='CrossEntropyLoss'), BALANCED)
], ids=lambda cfg: cfg['type'])
def test_sound_combinations_are_silent(tmp_path, loss, sampler):
    with warnings.catch_warnings():
        warnings.filterwarnings('error', message='.*counted twice')
        tiny.train(tmp_path, epochs=1, model__head__loss=loss, train_dataloader__sampler=dict(sampler, _delete_=True))


ISDA = dict(type='ISDALoss', dim=16)
EXPERTS = dict(model__backbone=dict(type='MultiExpertResNetCIFAR32', depth=8, base_channels=4, reduce=False),
               model__head=dict(type='MultiExpertClsHead', num_classes=3, in_channels=16))
BRANCHES = dict(
    model__backbone=dict(_delete_=True, type='ResidualBranches', channels=16,
                         backbone=dict(type='ResNetCIFAR32', depth=8, base_channels=4)),
    model__head=dict(type='ResidualClsHead', num_classes=3, in_channels=16))


@pytest.mark.parametrize('loss, settings, message', [
    (ISDA, dict(model__head=dict(type='CosineClsHead')), 'ISDALoss reads the weight of a linear .* has CosineLinear'),
    (ISDA, EXPERTS, 'in MultiExpertClsHead each expert has its own; take a loss of the logits'),
    (dict(type='InfluenceBalancedLoss'), BRANCHES, 'in ResidualClsHead each expert has its own'),
])
def test_a_late_loss_that_does_not_fit_the_head_is_refused_before_the_first_step(tmp_path, loss, settings, message):
    with pytest.raises(ValueError, match=message):
        tiny.train(tmp_path, epochs=3, stages=[dict(begin=2, loss=loss)], **settings)
    assert not list(tmp_path.glob('epoch_*.pth'))
    with pytest.raises(ValueError, match=message):
        tiny.train(tmp_path, epochs=1, **{**settings, 'model__head': dict(settings['model__head'], loss=loss)})


def test_a_late_loss_reads_features_and_weights(tmp_path):
    run = tiny.train(tmp_path, epochs=2, stages=[dict(begin=1, loss=ISDA)], model__head__type='LongTailClsHead')
    assert run.model.head.loss_module.active.seen.tolist() == list(tiny.COUNTS)

"""Real training with MMEngine's runner: loss falls, IoU, save, resume, inference."""
from copy import deepcopy

import numpy as np
import pytest
import torch

pytest.importorskip('mmseg')
from mmengine.runner import Runner
from mmseg.apis import MMSegInferencer
from PIL import Image

SWAP = dict(type='SwapClassifier', path='decode_head.conv_seg')


def with_loss(model, **loss):
    model.decode_head.loss_decode = loss
    return model


def method(name, model, pixels):
    """The tiny FCN with a method of the package."""
    if name == 'logit_adjust':
        return with_loss(model, type='LogitAdjustLoss', class_counts=pixels)
    if name == 'balanced_softmax':
        return with_loss(model, type='BalancedSoftmaxLoss', class_counts=pixels)
    if name == 'posthoc':
        return dict(model, type='LongTailEncoderDecoder', logit_adjust=dict(tau=0.5, class_counts=pixels))
    if name == 'cosine':
        return dict(model, type='LongTailEncoderDecoder', classifier=dict(type='CosineLinear', scale=10))
    if name == 'cosine_swap':
        return dict(SWAP, model=model, to=dict(type='CosineLinear', scale=10))
    if name == 'disalign':
        model = with_loss(model, type='GeneralizedReweightLoss', rho=0.2, class_counts=pixels)
        return dict(model, type='LongTailEncoderDecoder', classifier=dict(type='DisAlignLinear'), auxiliary_head=None,
                    freeze=True)


@pytest.mark.parametrize('name', ['logit_adjust', 'balanced_softmax', 'posthoc', 'cosine', 'cosine_swap'])
def test_trains_evaluates_resumes_and_infers(name, model, pixels, config, train, shapes, tmp_path):
    cfg = method(name, model, pixels)
    whole, losses = train(deepcopy(cfg), epochs=4, name='whole')
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:4])
    metrics = whole.message_hub.log_scalars
    assert metrics['val/mIoU'].current() > 20 and metrics['val/aAcc'].current() > 50

    part, _ = train(deepcopy(cfg), epochs=4, name='part', resume=True, load_from=str(tmp_path / 'whole/epoch_3.pth'))
    a, b = whole.model.state_dict(), part.model.state_dict()
    assert a.keys() == b.keys() and all(a[key].equal(b[key]) for key in a)

    checkpoint = str(tmp_path / 'whole/epoch_4.pth')
    tester = Runner.from_cfg(config(deepcopy(cfg), name='test', load_from=checkpoint))
    assert tester.test()['mIoU'] == pytest.approx(metrics['val/mIoU'].current())

    path = tmp_path / 'config.py'
    config(deepcopy(cfg), name='infer').dump(path)
    result = MMSegInferencer(model=str(path), weights=checkpoint, device='cpu')(str(shapes / 'images/00.png'))
    labels = np.array(Image.open(shapes / 'masks/00.png'))
    assert result['predictions'].shape == labels.shape
    assert (result['predictions'] == labels)[labels < 255].mean() > 0.5


def test_disalign_on_a_frozen_model(model, pixels, train, tmp_path):
    train(deepcopy(model), epochs=3, name='ce')
    start = torch.load(tmp_path / 'ce/epoch_3.pth', weights_only=False)['state_dict']
    runner, losses = train(method('disalign', model, pixels), epochs=2, load_from=str(tmp_path / 'ce/epoch_3.pth'))
    after = runner.model.state_dict()
    moved = {key for key in after if key not in start or not torch.equal(after[key], start[key])}
    layer = 'decode_head.conv_seg'
    own = {f'{layer}.{key}' for key in ('logit_scale', 'logit_bias', 'confidence_layer.weight',
                                        'confidence_layer.bias')}
    shaped = {f'{layer}.weight'}  # (C, D) for (C, D, 1, 1)
    assert own <= moved and moved - own - shaped <= {'decode_head.loss_decode.class_counts'}
    assert after[f'{layer}.weight'].equal(start[f'{layer}.weight'].flatten(1))
    assert {name for name, p in runner.model.named_parameters() if p.requires_grad} == own
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_tau_zero_trains_as_mmseg_does_to_the_last_bit(model, pixels, train):
    plain, losses = train(deepcopy(model), name='plain')
    for name, kwargs in (('LogitAdjustLoss', dict(tau=0)), ('VSLoss', dict(tau=0, gamma=0))):
        ours, own = train(with_loss(model, type=name, class_counts=pixels, **kwargs), name=name)
        assert own == losses
        state = ours.model.state_dict()
        assert all(state[key].equal(value) for key, value in plain.model.state_dict().items())


def test_the_hook_leaves_pixel_counts_and_names_the_tool(model, pixels, train):
    hooks = dict(custom_hooks=[dict(type='ClassCountsHook')])
    cfg = with_loss(deepcopy(model), type='LogitAdjustLoss', class_counts=[4, 3, 2, 1])
    runner, _ = train(cfg, epochs=1, name='given', **hooks)
    assert runner.model.decode_head.loss_decode.class_counts.tolist() == [4, 3, 2, 1]
    with pytest.raises(RuntimeError, match=r'tools/count_classes\.py'):
        train(with_loss(deepcopy(model), type='LogitAdjustLoss'), epochs=1, name='none', **hooks)
    hooks = dict(custom_hooks=[dict(type='ClassCountsHook', class_counts=pixels)])
    runner, _ = train(with_loss(model, type='LogitAdjustLoss'), epochs=1, name='hook', **hooks)
    assert len(runner.model.decode_head.loss_decode.class_counts) == 4


def test_a_second_stage_of_an_iteration_based_run(model, config, tmp_path):
    """As MMSegmentation's 160k: freeze and start the classifier anew at half of the iterations; resumed midway."""
    stages = [dict(begin=0.5, freeze=['backbone', 'auxiliary_head', 'decode_head.convs'], bn='frozen',
                   reinit=['decode_head.conv_seg'], lr=0.02, train_pipeline=[
                       dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')])]

    def run(name, workers, **more):
        cfg = config(deepcopy(model), name=name, **more)
        cfg.merge_from_dict(dict(
            train_dataloader=dict(num_workers=workers, sampler=dict(
                type='InfiniteSampler', shuffle=True, _delete_=True)),
            train_cfg=dict(by_epoch=False, max_iters=12, val_interval=12, _delete_=True),
            default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False),
                               stages=dict(type='StageSwitchHook', by_epoch=False, stages=stages))))
        runner = Runner.from_cfg(cfg)
        runner.train()
        return runner.model.state_dict()

    whole = run('whole', 0)
    start, after = (torch.load(tmp_path / f'whole/iter_{n}.pth', weights_only=False)['state_dict'] for n in (6, 12))
    moved = {key for key in start if not torch.equal(start[key], after[key])}
    assert moved == {'decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'}
    for iteration, workers in ((4, 0), (6, 1), (9, 0)):
        part = run(f'part{iteration}', workers, resume=True, load_from=str(tmp_path / f'whole/iter_{iteration}.pth'))
        assert all(torch.equal(value, part[key]) for key, value in whole.items()), iteration

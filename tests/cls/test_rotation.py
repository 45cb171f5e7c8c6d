"""Rotation pre-training: the turns, exact balance, a run and what is loaded from it."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.cls.rotation import rotate

PRETRAIN = dict(model__type='RotationPretrain', model__head=dict(type='LinearClsHead', num_classes=4, in_channels=16),
                default_hooks__class_counts=dict(type='ClassCountsHook', class_counts=[1, 1, 1, 1]))


@given(st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_rotate(n, seed):
    g = torch.Generator().manual_seed(seed)
    x, turns = torch.rand(n, 3, 6, 6, generator=g), torch.randint(4, (n, ), generator=g)
    turned = rotate(x, turns)
    for image, out, k in zip(x, turned, turns):
        assert torch.equal(out, torch.rot90(image, int(k), (1, 2)))
    assert torch.equal(rotate(turned, (4 - turns) % 4), x)


def test_labels_are_exactly_balanced_and_run_resumes(tmp_path):
    run, seen = tiny.runner(tmp_path / 'whole', epochs=3, **PRETRAIN), []
    loss = run.model.head.loss_module
    loss.register_forward_pre_hook(lambda m, args: seen.append(args[1].bincount(minlength=4)))
    run.train()
    assert all(int(n.max() - n.min()) <= 1 for n in seen) and seen[0].sum() == 10
    saved = str(tmp_path / 'whole/epoch_1.pth')
    part = tiny.train(tmp_path / 'part', epochs=3, resume=True, load_from=saved, **PRETRAIN)
    a, b = run.model.state_dict(), part.model.state_dict()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


def test_the_backbone_starts_the_next_run(tmp_path):
    tiny.train(tmp_path / 'first', epochs=1, **PRETRAIN)
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'first/epoch_1.pth'), prefix='backbone.')
    run = tiny.runner(tmp_path / 'second', model__backbone=dict(init_cfg=init))
    run.model.init_weights()
    saved = torch.load(tmp_path / 'first/epoch_1.pth', weights_only=False)['state_dict']
    own = run.model.backbone.state_dict()
    assert all(torch.equal(own[k.removeprefix('backbone.')], v) for k, v in saved.items() if k.startswith('backbone.'))


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match='four turns apart, the head has num_classes=3; set it to 4'):
        tiny.runner(tmp_path, model__type='RotationPretrain')
    with pytest.raises(ValueError, match=r'square images, got .8, 6.'):
        rotate(torch.zeros(1, 3, 8, 6), torch.tensor([1]))

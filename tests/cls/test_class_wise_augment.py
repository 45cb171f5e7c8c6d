"""CUDA: the rule of the levels, the operations of a level, the test of a class, and resumption."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('mmpretrain')
import tiny
from mmpretrain.registry import TRANSFORMS

from mmlt.engine.hooks import ClassLevelHook, class_levels
from mmlt.engine.hooks.class_levels import next_levels

PACK = dict(type='PackInputs')
OPERATIONS = [dict(type='Brightness', magnitude_range=(-0.9, 0.9), random_negative_prob=0.0)]
CUDA = dict(custom_hooks=[dict(type='ClassLevelHook', draws=4, threshold=0.3)],
            default_hooks__random_state=dict(type='RandomStateHook'),
            train_dataloader__dataset__pipeline=[dict(type='ClassWiseAugment', pipeline=[PACK], max_level=3)])


@given(st.data())
def test_the_rule_of_the_levels(data):
    top, threshold = data.draw(st.integers(1, 4)), data.draw(st.floats(0, 1))
    levels = data.draw(st.lists(st.integers(0, top), min_size=1, max_size=4))
    seen = [[data.draw(st.integers(1, 9)) if s <= level else 0 for s in range(top + 1)] for level in levels]
    right = [[data.draw(st.integers(0, n)) for n in row] for row in seen]
    expected = []
    for level, hits, tries in zip(levels, right, seen):
        borne = sum(hits[s] > threshold * tries[s] for s in range(level + 1)) == level + 1
        expected.append(min(max(level + (1 if borne else -1), 0), top))
    exact = (torch.tensor(x, dtype=torch.float64) for x in (right, seen))
    assert next_levels(torch.tensor(levels), *exact, threshold).tolist() == expected


def augment(**kwargs):
    return TRANSFORMS.build(dict(type='ClassWiseAugment', pipeline=[PACK], **kwargs))


def test_operations_of_a_level():
    image = np.random.RandomState(0).randint(0, 255, (8, 8, 3)).astype(np.uint8)
    part = augment(operations=OPERATIONS, prob=1.0)
    part.levels = torch.tensor([0, 2])
    plain, bright = (part(dict(img=image, gt_label=c))['inputs'].permute(1, 2, 0).numpy() for c in (0, 1))
    assert (plain == image).all()
    expected = dict(type='Brightness', magnitude=-0.9 + 1.8 * 2 / 30, prob=1., random_negative_prob=0.)
    expected = TRANSFORMS.build(expected)
    twice = expected(expected(dict(img=image)))['img']
    assert (bright == twice).all() and (twice != image).any()


def test_every_operation_and_the_share():
    image = np.random.RandomState(0).randint(0, 255, (8, 8, 3)).astype(np.uint8)
    part = augment(prob=0.25)
    part.levels = torch.tensor([10])
    assert len(part.operations) == 18
    for operation in part.operations:
        operation.magnitude_level = 10
        assert operation(dict(img=image.copy()))['img'].shape == (8, 8, 3)
    bits, = (operation for operation in part.operations if type(operation).__name__ == 'Posterize')
    for level in range(1, 11):
        bits.magnitude_level = level
        assert set(np.unique(bits(dict(img=image.copy()))['img'])) == {0, 128}
    np.random.seed(0)
    assert np.mean([part.level_of(0) == 10 for _ in range(2000)]) == pytest.approx(0.25, abs=0.03)
    part.forced = 3
    assert part.level_of(0) == 3


def test_levels_follow_the_training_and_resume(tmp_path):
    whole = tiny.train(tmp_path / 'whole', epochs=4, **CUDA)
    part = tiny.train(tmp_path / 'part', epochs=4, resume=True, load_from=str(tmp_path / 'whole/epoch_2.pth'), **CUDA)
    a, b = whole.model.state_dict(), part.model.state_dict()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []
    saved = [torch.load(tmp_path / f'{run}/epoch_4.pth', weights_only=False)['mmlt_class_levels']
             for run in ('whole', 'part')]
    assert saved[0][0].tolist() == saved[1][0].tolist() and saved[0][0].max() > 0 and saved[0][1] == 3


def test_ranks_share_the_test(tmp_path, monkeypatch):
    run = tiny.runner(tmp_path, epochs=1, **CUDA)
    hook = next(h for h in run.hooks if isinstance(h, ClassLevelHook))
    hook.before_train(run)
    hook.levels.copy_(torch.tensor([2, 0, 1]))
    np.random.seed(3)
    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    whole = hook.test(run)
    assert before == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    assert whole[1].tolist() == [[4, 8, 12, 0], [4, 0, 0, 0], [4, 8, 0, 0]]
    monkeypatch.setattr(class_levels, 'get_world_size', lambda: 2)
    halves = []
    for rank in (0, 1):
        monkeypatch.setattr(class_levels, 'get_rank', lambda rank=rank: rank)
        halves.append(hook.test(run))
    assert torch.equal(sum(halves), whole) and halves[0].sum() > 0 < halves[1].sum()


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match='max_level'):
        augment(max_level=0)
    with pytest.raises(ValueError, match='ClassLevelHook goes with ClassWiseAugment'):
        tiny.train(tmp_path, epochs=1, custom_hooks=[dict(type='ClassLevelHook')])
    with pytest.raises(ValueError, match='no batched form of ClassWiseAugment'):
        tiny.train(tmp_path, epochs=1, default_hooks__fast=dict(type='FastLoaderHook'), **CUDA)

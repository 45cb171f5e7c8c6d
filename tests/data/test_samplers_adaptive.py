"""Samplers that follow the training: values, invariants, state, bad input."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.sampling import accuracy_probabilities
from mmlt.data.samplers import AccuracyDrivenSampler, MetaSampler

LABELS = np.repeat(np.arange(4), [50, 20, 0, 5])


def naive(counts, accuracy, power, eps=1e-3):
    weights = [(1 - a + eps)**power if n else 0 for n, a in zip(counts, accuracy)]
    return [w / sum(weights) for w in weights]


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.sampled_from([0, 0.5, 1, 2]))
@settings(max_examples=30, deadline=None)
def test_accuracy_driven_probabilities(accuracy, power):
    sampler = AccuracyDrivenSampler(LABELS, power=power, seed=0)
    sampler.set_class_accuracy(accuracy)
    p = sampler.class_probabilities
    assert p.tolist() == pytest.approx(naive([50, 20, 0, 5], accuracy, power))
    if power == 0 or len({a for c, a in enumerate(accuracy) if c != 2}) == 1:
        assert p.tolist() == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3])
    lower = p[0] >= p[1] if accuracy[0] <= accuracy[1] else p[0] <= p[1]
    assert lower or p[0].item() == pytest.approx(p[1].item())


@pytest.mark.parametrize('power, expected', [(1, [.083957, .333333, .582710]), (2, [.015400, .242754, .741846])])
def test_accuracy_driven_example(power, expected):
    p = accuracy_probabilities(torch.tensor([5, 5, 5]), torch.tensor([.9, .6, .3], dtype=torch.float64), power)
    assert p.tolist() == pytest.approx(expected, abs=1e-6)


def test_meta_sampler_starts_as_its_power_says():
    def start(power):
        return MetaSampler(np.repeat(np.arange(3), [100, 10, 1]), init_pow=power, seed=0)
    assert start(0).class_probabilities.tolist() == pytest.approx([100 / 111, 10 / 111, 1 / 111])
    assert start(1).class_probabilities.tolist() == pytest.approx([1 / 3] * 3)
    assert start(.1).weights.sigmoid().tolist() == pytest.approx([.386863, .487032, .613137], abs=1e-6)
    assert start(.1).class_probabilities.tolist() == pytest.approx([.875855, .110264, .013881], abs=1e-6)
    assert start(1).weights.sigmoid().tolist() == pytest.approx([.009901, .099010, .990099], abs=1e-6)


def test_meta_sampler_draws_with_the_weights_of_the_moment():
    sampler = MetaSampler(LABELS, seed=0, num_samples=4000)
    sampler.block = 2000
    indices, drawn = iter(sampler), []
    drawn.append([LABELS[next(indices)] for _ in range(2000)])
    sampler.weights.data[3] = 20
    sampler.weights.data[:2] = -20
    drawn.append([LABELS[i] for i in indices])
    assert len(drawn[1]) == 2000 and set(drawn[1]) == {3}
    share = np.bincount(drawn[0], minlength=4) / 2000
    assert share == pytest.approx([50 / 75, 20 / 75, 0, 5 / 75], abs=0.03)


@pytest.mark.parametrize('block', [3, 7, 64])
@pytest.mark.parametrize('round_up', [True, False])
def test_meta_sampler_over_ranks(monkeypatch, block, round_up):
    """The ranks' lists, one index of each in turn, are the list of one process."""
    from mmlt.data.samplers import base
    lists = []
    for rank, world in [(0, 1), (0, 2), (1, 2)]:
        monkeypatch.setattr(base, 'rank_and_world_size', lambda r=rank, w=world: (r, w))
        sampler = MetaSampler(LABELS, seed=3, round_up=round_up)
        sampler.block = block
        lists.append(list(sampler))
        assert len(lists[-1]) == len(sampler)
    joint = [None] * (len(lists[1]) + len(lists[2]))
    joint[::2], joint[1::2] = lists[1], lists[2]
    whole = 75 // block * block  # the last block is longer over two ranks
    assert joint[:whole] == lists[0][:whole]


def test_meta_sampler_state_continues_adam():
    whole, part = (MetaSampler(LABELS, lr=0.1, seed=0) for _ in range(2))
    gradients = torch.tensor([[1., -1, 0, 2], [0.5, 1, 0, -1], [-1, 0, 0, 1]])
    for step, gradient in enumerate(gradients):
        whole.update(gradient)
        if step == 1:
            part.load_state_dict(whole.state_dict())
    part.update(gradients[2])
    assert torch.equal(whole.weights, part.weights) and not torch.equal(whole.weights, torch.zeros(4))


@pytest.mark.parametrize('call, message', [
    (lambda: AccuracyDrivenSampler(LABELS).set_class_accuracy([.5, .5]), r'shape \(2,\).*4 classes'),
    (lambda: AccuracyDrivenSampler(LABELS).set_class_accuracy([90., 0, 0, 0]), 'class 0 .* accuracy 90.*percent'),
    (lambda: AccuracyDrivenSampler(LABELS).set_class_accuracy([0., float('nan'), 0, 0]), 'class 1 .* accuracy nan'),
    (lambda: AccuracyDrivenSampler(LABELS, eps=0), 'eps must be a number'),
    (lambda: AccuracyDrivenSampler(LABELS, power=-1), 'power must be a number'),
    (lambda: MetaSampler(LABELS, lr=0), 'lr must be a number'),
    (lambda: MetaSampler(LABELS).load_state_dict(MetaSampler([0, 1]).state_dict()), '2 classes, .* set has 4'),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()

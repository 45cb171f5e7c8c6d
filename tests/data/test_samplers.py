"""The samplers: probabilities, epochs, ranks."""
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.data import samplers
from mmlt.data.samplers import (
    AccuracyDrivenSampler,
    ClassBalancedSampler,
    ClassCycleSampler,
    ClassGroupSampler,
    CurriculumSampler,
    EffectiveNumberSampler,
    MetaSampler,
    PowerSampler,
    ProgressivelyBalancedSampler,
    RandomOverSampler,
    RandomUnderSampler,
    ReversedSampler,
    SquareRootSampler,
    base,
)

COUNTS = np.array([100, 50, 0, 10, 0])
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), COUNTS))

WEIGHTED = [
    (PowerSampler, dict(q=.3)), (ClassBalancedSampler, {}), (SquareRootSampler, {}), (ReversedSampler, {}),
    (EffectiveNumberSampler, dict(beta=.99)), (ProgressivelyBalancedSampler, dict(max_epochs=10)),
    (CurriculumSampler, dict(max_epochs=10, schedule='linear')), (AccuracyDrivenSampler, {}),
    (MetaSampler, dict(init_pow=.3)), (ClassGroupSampler, dict(group='few', few=999)),
]
EXACT = [(PowerSampler, dict(q=1)), (RandomOverSampler, {}), (RandomUnderSampler, {}), (ClassCycleSampler, {})]


@pytest.fixture(params=['held', 'streamed'])
def both_ways(request, monkeypatch):
    """A list that is drawn at once, and one in parts of 32."""
    if request.param == 'streamed':
        monkeypatch.setattr(base.ClassSampler, 'max_held', 0)
        monkeypatch.setattr(base.ClassSampler, 'part_length', 32)


def build(case, labels=LABELS, **kwargs):
    kind, args = case
    return kind(labels, **{'seed': 0, **args, **kwargs})


def names(cases):
    return [f'{kind.__name__}-{"-".join(map(str, args.values()))}' for kind, args in cases]


class Named(torch.utils.data.Dataset):
    """Labels with five class names, of which the last has no image."""

    classes = list('abcde')

    def __init__(self, labels=LABELS):
        self.targets = labels

    def __len__(self):
        return len(self.targets)


def test_every_sampler_is_tested_and_exported():
    assert {kind.__name__ for kind, _ in WEIGHTED + EXACT} == set(samplers.__all__) - {'StagedSampler'}


@pytest.mark.usefixtures('both_ways')
@pytest.mark.parametrize('case', WEIGHTED + EXACT, ids=names(WEIGHTED + EXACT))
def test_contract(case):
    sampler = build(case, Named())
    n = COUNTS[COUNTS > 0]
    expected = {RandomOverSampler: n.max() * len(n), RandomUnderSampler: n.min() * len(n)}.get(case[0], len(LABELS))
    first = list(sampler)
    assert len(sampler) == len(first) == expected
    assert {type(i) for i in first} == {int}
    assert first == list(sampler) == list(build(case, Named()))
    assert first != list(build(case, Named(), seed=1))
    epochs = []
    for epoch in range(4):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert len(epochs[-1]) == len(sampler) == expected
    assert epochs[0] == first and len(set(map(tuple, epochs))) == 4
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert sampler.counts.tolist() == COUNTS.tolist()
    p = sampler.class_probabilities
    assert p.shape == (5,) and p[[2, 4]].tolist() == [0, 0] and p.sum().item() == pytest.approx(1)
    assert (np.bincount(LABELS[first], minlength=5) > 0).tolist() == [True, True, False, True, False]


@pytest.mark.usefixtures('both_ways')
@pytest.mark.parametrize('epoch', [0, 5, 9, 30])
@pytest.mark.parametrize('case', WEIGHTED, ids=names(WEIGHTED))
def test_class_histogram(case, epoch):
    m = 20_000
    sampler = build(case, num_samples=m)
    sampler.set_epoch(epoch)
    p = sampler.class_probabilities.numpy()
    drawn = np.array(list(sampler))
    for observed, expected in ((np.bincount(LABELS[drawn], minlength=4), m * p),
                               (np.bincount(drawn, minlength=160), m * (p / COUNTS[:4].clip(1))[LABELS])):
        keep = expected > 0
        chi2 = ((observed[keep] - expected[keep]) ** 2 / expected[keep]).sum()
        df = keep.sum() - 1
        assert (observed[~keep] == 0).all() and chi2 < df + 5 * math.sqrt(2 * df), (chi2, df)


@pytest.mark.usefixtures('both_ways')
@pytest.mark.parametrize('case', [
    (PowerSampler, dict(q=1)), (EffectiveNumberSampler, dict(beta=0)), (CurriculumSampler, dict(max_epochs=9)),
    (ProgressivelyBalancedSampler, dict(max_epochs=9))], ids=lambda case: case[0].__name__)
def test_the_frequencies_of_the_data_shuffle_the_data(case):
    assert sorted(build(case)) == list(range(160))
    twice = list(build(case, num_samples=320))
    assert sorted(twice[:160]) == sorted(twice[160:]) == list(range(160)) and twice[:160] != twice[160:]
    assert len(set(build(case, num_samples=50))) == 50


@pytest.mark.usefixtures('both_ways')
def test_over_and_under_sampling_are_exact():
    over = np.array(list(build((RandomOverSampler, {}))))
    assert np.bincount(LABELS[over], minlength=4).tolist() == [100, 100, 0, 100]
    times = np.bincount(over, minlength=160)
    assert set(times[LABELS == 0]) == {1} and set(times[LABELS == 1]) == {2} and set(times[LABELS == 3]) == {10}
    under = list(build((RandomUnderSampler, {})))
    assert np.bincount(LABELS[under], minlength=4).tolist() == [10, 10, 0, 10] and len(set(under)) == 30
    remainder = np.bincount(list(build((RandomOverSampler, {}), np.repeat([0, 1], [7, 5]))), minlength=12)
    assert sorted(remainder[7:]) == [1, 1, 1, 2, 2]


@pytest.mark.usefixtures('both_ways')
def test_class_cycle():
    values = np.array(list(build((ClassCycleSampler, dict(samples_per_class=4)))))
    visits = LABELS[values].reshape(40, 4)
    assert (visits == visits[:, :1]).all()
    assert all(sorted(visits[i:i + 3, 0]) == [0, 1, 3] for i in range(0, 39, 3))
    assert len(set(map(tuple, visits[:39, 0].reshape(13, 3)))) > 1
    tail = values[LABELS[values] == 3].reshape(-1)
    assert all(len(set(tail[i:i + 10])) == 10 for i in range(0, len(tail) - 9, 10))
    assert set(tail[:10]) == set(tail[10:20]) and tail[:10].tolist() != tail[10:20].tolist()


def test_schedules():
    sampler = build((ProgressivelyBalancedSampler, dict(max_epochs=10)))
    sampler.set_epoch(5)
    torch.testing.assert_close(sampler.class_probabilities[[0, 1, 3]].tolist(), [0.479167, 0.322917, 0.197917],
                               atol=5e-7, rtol=0)
    curriculum = build((CurriculumSampler, dict(max_epochs=8, schedule='linear')))
    curriculum.set_epoch(4)
    assert curriculum.class_probabilities.equal(build((SquareRootSampler, {})).class_probabilities)
    curriculum.set_epoch(80)
    assert curriculum.class_probabilities.equal(build((ClassBalancedSampler, {})).class_probabilities)
    # the ramp counts from `begin`, the draws from 0
    later = build((ProgressivelyBalancedSampler, dict(max_epochs=10)))
    later.begin = 160
    later.set_epoch(165)
    assert later.class_probabilities.equal(sampler.class_probabilities)
    assert list(later) != list(sampler)


def on_rank(monkeypatch, rank, world_size, case, **kwargs):
    monkeypatch.setattr(base, 'rank_and_world_size', lambda: (rank, world_size))
    return build(case, **kwargs)


@pytest.mark.usefixtures('both_ways')
@pytest.mark.parametrize('num_samples', [None, 1, 7, 163])
@pytest.mark.parametrize('case', WEIGHTED[:1] + EXACT, ids=names(WEIGHTED[:1] + EXACT))
@pytest.mark.parametrize('round_up', [True, False])
def test_ranks_share_one_list(monkeypatch, case, round_up, num_samples):
    alone = list(build(case, num_samples=num_samples))
    for world in (1, 2, 3, 8):
        ranks = [on_rank(monkeypatch, r, world, case, round_up=round_up, num_samples=num_samples) for r in range(world)]
        lists = [list(sampler) for sampler in ranks]
        assert [len(sampler) for sampler in ranks] == [len(values) for values in lists]
        total = math.ceil(len(alone) / world) * world if round_up else len(alone)
        assert {sampler.total_size for sampler in ranks} == {total}
        assert [sampler.num_samples for sampler in ranks] == [len(sampler) for sampler in ranks]
        merged = [lists[i % world][i // world] for i in range(total)]
        assert merged == (alone * world)[:total]
        assert sum(map(len, lists)) == total


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=40), world=st.integers(1, 5), round_up=st.booleans(),
       num_samples=st.none() | st.integers(1, 60), seed=st.integers(0, 2 ** 31), epoch=st.integers(0, 200),
       case=st.sampled_from(WEIGHTED + EXACT), part=st.none() | st.integers(1, 9))
def test_any_labels(labels, world, round_up, num_samples, seed, epoch, case, part):
    with pytest.MonkeyPatch.context() as patch:
        if part:
            patch.setattr(base.ClassSampler, 'max_held', 0)
            patch.setattr(base.ClassSampler, 'part_length', part)
        parts, whole = [], None
        for rank in range(world):
            sampler = on_rank(patch, rank, world, case, labels=labels, seed=seed, round_up=round_up,
                              num_samples=num_samples)
            sampler.set_epoch(epoch)
            parts.append(list(sampler))
            assert len(parts[-1]) == len(sampler)
            whole = whole or sampler.global_indices().tolist()
            assert sampler.global_indices().tolist() == whole
    assert [parts[i % world][i // world] for i in range(len(whole))] == whole
    assert min(whole) >= 0 and max(whole) < len(labels)
    drawn = {labels[i] for i in whole}
    assert (sampler.class_probabilities[list(drawn)] > 0).all()


@pytest.mark.parametrize('kind', [PowerSampler, ClassBalancedSampler, RandomOverSampler, ClassCycleSampler])
def test_labels_in_a_file_stay_there(tmp_path, monkeypatch, kind):
    labels = np.random.default_rng(0).integers(0, 50, 150_000).astype(np.uint16)
    np.save(tmp_path / 'labels.npy', labels)
    monkeypatch.setattr(base.ClassSampler, 'max_held', 100_000)
    sampler = kind(np.load(tmp_path / 'labels.npy', mmap_mode='r'), seed=0, num_samples=500_000)
    assert isinstance(sampler.labels, np.memmap) and sampler.labels.dtype == np.uint16
    assert sampler.index.bits.nbytes == 300_000
    assert sampler.global_indices().equal(kind(labels.astype(int), seed=0, num_samples=500_000).global_indices())
    with pytest.raises(ValueError, match=r'image .* expected 0 <= label < 5 classes'):
        kind(Named(sampler.labels))


def test_two_processes(tmp_path):
    """Seeds agree without being given, and the parts make up the list that one process has."""
    code = """if True:
        import json, os, sys, torch
        for name in ('mmengine', 'mmpretrain'):  # neither is needed, and they take seconds
            sys.modules[name] = None
        from torch import distributed
        from mmlt.data.samplers import ClassBalancedSampler, StagedSampler
        rank, path = int(sys.argv[1]), sys.argv[2]
        torch.manual_seed(rank)
        distributed.init_process_group('gloo', init_method=f'file://{path}/init', rank=rank, world_size=2)
        labels = [0] * 20 + [1] * 5
        stages = [dict(begin=0, sampler=dict(type='PowerSampler', q=1)), dict(begin=1, sampler=ClassBalancedSampler)]
        out = {}
        for name, sampler in (('balanced', ClassBalancedSampler(labels)), ('staged', StagedSampler(labels, stages))):
            sampler.set_epoch(3)
            out[name] = dict(seed=sampler.seed, indices=list(sampler), length=len(sampler))
        print(json.dumps(out), flush=True)
        distributed.barrier()
        os._exit(0)  # as in gloo.py
        """
    ranks = [subprocess.Popen([sys.executable, '-c', code, str(rank), tmp_path], stdout=subprocess.PIPE, text=True)
             for rank in range(2)]
    outputs = [rank.communicate(timeout=120)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    first, second = map(json.loads, outputs)
    labels = [0] * 20 + [1] * 5
    for name in first:
        assert first[name]['seed'] == second[name]['seed']
        assert first[name]['length'] == second[name]['length'] == 13
        alone = ClassBalancedSampler(labels, seed=first[name]['seed'])
        alone.set_epoch(3)
        merged = [i for pair in zip(first[name]['indices'], second[name]['indices']) for i in pair]
        assert merged == (list(alone) * 2)[:26]
    assert first['balanced']['seed'] != first['staged']['seed']


@pytest.mark.parametrize(('group', 'few', 'expected'), [
    ('many', 20, [0, 0, 0, 0, 0]), ('medium', 20, [100, 50, 0, 0, 0]), ('few', 60, [0, 50, 0, 10, 0]), ('some', 20, 0)])
def test_groups_of_classes(group, few, expected):
    if not np.any(expected):
        with pytest.raises(ValueError, match=r'no class is in|expected many, medium or few'):
            ClassGroupSampler(LABELS, group, few=few)
        return
    sampler = ClassGroupSampler(LABELS, group, few=few, seed=0, num_samples=20_000)
    share = np.bincount(LABELS[list(sampler)], minlength=5) / 20_000
    assert share == pytest.approx(np.array(expected) / np.sum(expected), abs=0.015)


def test_global_generators_are_left_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    seeds = {ClassBalancedSampler(LABELS).seed for _ in range(5)}
    list(ClassCycleSampler(LABELS))
    assert torch.equal(torch.get_rng_state(), before[0]) and (np.random.get_state()[1] == before[1]).all()
    assert len(seeds) == 5 and all(0 <= seed < 2 ** 31 for seed in seeds)


def test_images_with_several_labels():
    rows = [[0, 0, 1], [0], [0], [], [2, 1], [0]]
    sampler = ClassBalancedSampler(rows, seed=0, num_samples=30_000)
    assert sampler.counts.tolist() == [4, 2, 1]
    times = np.bincount(list(sampler), minlength=6) / 30_000
    expected = np.array([1 / 12 + 1 / 6, 1 / 12, 1 / 12, 0, 1 / 3 + 1 / 6, 1 / 12])
    assert times[3] == 0 and np.abs(times - expected).max() < 5 * math.sqrt(.25 / 30_000)
    assert len(ClassBalancedSampler(rows, seed=0)) == 6
    assert sorted(PowerSampler(rows, q=1, seed=0)) == list(range(6))


@pytest.mark.parametrize('call, error, message', [
    (lambda: ClassBalancedSampler([]), ValueError, 'no label'),
    (lambda: ClassBalancedSampler(Named([0, 1, 5])), ValueError, 'image 2 has the label 5.*5 classes'),
    (lambda: ClassBalancedSampler(LABELS, num_samples=0), ValueError, 'num_samples.*got 0'),
    (lambda: ClassBalancedSampler(LABELS, num_samples=2.5), ValueError, 'num_samples must be an integer >= 1, got 2.5'),
    (lambda: ClassBalancedSampler(LABELS, seed=-1), ValueError, 'ClassBalancedSampler: seed'),
    (lambda: ClassCycleSampler(LABELS, samples_per_class=1.5), ValueError, 'samples_per_class.*got 1.5'),
    (lambda: CurriculumSampler(LABELS, max_epochs=9, schedule='concave', base=2), ValueError, 'base'),
    (lambda: ClassBalancedSampler(LABELS, num_sample=9), TypeError, 'num_sample'),
    (lambda: ClassCycleSampler(LABELS, samples_per_class=0), ValueError, 'samples_per_class.*got 0'),
    (lambda: PowerSampler(LABELS, q=math.inf), ValueError, 'q must be a finite number'),
    (lambda: ProgressivelyBalancedSampler(LABELS, max_epochs=0), ValueError, 'max_epochs'),
    (lambda: ProgressivelyBalancedSampler(LABELS, max_epochs=9, last='end'), ValueError, "got 'end'"),
    (lambda: CurriculumSampler(LABELS, max_epochs=9, schedule='sine'), ValueError, "got 'sine'"),
    (lambda: EffectiveNumberSampler(LABELS, beta=1.5), ValueError, 'beta'),
    (lambda: ClassBalancedSampler(object()), TypeError, 'mmlt_labels'),
])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()

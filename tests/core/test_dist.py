"""Sums, gathers and generators over two processes equal one process with the joint batch."""
import dist_ranks
import gloo
import numpy as np
import pytest
import torch

from mmlt.core.dist import gather, gather_uneven, rank_and_world_size, sum_over_ranks
from mmlt.core.random import Draws, seeded_generator


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    path = tmp_path_factory.mktemp('ranks')
    gloo.spawn(dist_ranks.worker, path)
    return [torch.load(path / f'{rank}.pt') for rank in range(2)]


def test_alone_nothing_changes():
    x = torch.randn(3, 2, requires_grad=True)
    assert rank_and_world_size() == (0, 1)
    assert sum_over_ranks(x) is x and gather(x) is x and gather_uneven(x) is x


def test_sums(ranks):
    for out in ranks:
        assert out['sums'][0].eq(3).all() and out['sums'][1] == 10 and out['first'].equal(out['sums'][0])


@pytest.mark.parametrize('name', ['even', 'uneven'])
def test_gather_and_its_gradient(ranks, name):
    rows = (4, 4) if name == 'even' else dist_ranks.ROWS
    x = dist_ranks.joint(sum(rows)).requires_grad_()
    dist_ranks.weighted(x).backward()
    for out, grad in zip(ranks, x.grad.split(rows)):
        assert out[name][0].equal(x.detach())
        torch.testing.assert_close(out[name][1], grad, rtol=1e-12, atol=1e-12)


def test_integers_are_gathered(ranks):
    for out in ranks:
        assert out['integers'].tolist() == [0, 1, 2, 0, 1, 2, 3, 4]


def test_every_rank_knows_itself_and_the_seed(ranks):
    assert [out['who'] for out in ranks] == [(0, 2), (1, 2)]
    assert ranks[0]['seed'] == ranks[1]['seed']


def test_draws_part_the_ranks(ranks):
    assert all(out['draws'] == out['expected'] for out in ranks)
    assert ranks[0]['draws'] != ranks[1]['draws']


def test_streams_stay_what_they_are():
    """Checkpoints and published numbers rest on them."""
    assert torch.randint(1000, (4,), generator=seeded_generator(0, 3)).tolist() == [479, 59, 346, 753]
    words = np.random.SeedSequence((2 ** 40, 5, 1)).generate_state(1, np.uint64)  # CAM's key was of 64 bits once
    wide = torch.Generator().manual_seed(int(words[0]))
    assert torch.rand(9, generator=wide).equal(torch.rand(9, generator=seeded_generator(2 ** 40, 5, 1)))


def test_draws_resume():
    draws, other = Draws(1), Draws(1)
    seeds = [draws.generator('cpu').initial_seed() for _ in range(3)]
    state = {key: value.clone() for key, value in draws.state_dict().items()}
    seeds.append(draws.generator('cpu').initial_seed())
    other.load_state_dict(state)
    assert other.generator('cpu').initial_seed() == seeds[3] and len(set(seeds)) == 4

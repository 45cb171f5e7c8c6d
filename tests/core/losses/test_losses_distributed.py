"""Two ranks with half a batch each equal one process with the whole."""
import gloo
import losses_ranks
import pytest
import torch


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    path = tmp_path_factory.mktemp('ranks')
    gloo.spawn(losses_ranks.worker, path)
    return [torch.load(path / f'{rank}.pt') for rank in (0, 1)]


@pytest.mark.parametrize('index', [0, 1], ids=['eqlv2', 'seesaw'])
def test_statistics_are_those_of_the_joint_batch(ranks, index):
    (grads0, state0), (grads1, state1) = (rank[index] for rank in ranks)
    grads, state = losses_ranks.run(losses_ranks.build()[index])
    for joint, *halves in zip(grads, grads0, grads1):
        torch.testing.assert_close(torch.cat(halves) / 2, joint)  # each rank averages over its half
    for key, value in state.items():
        torch.testing.assert_close(state0[key], value)
        assert state0[key].equal(state1[key])


def test_what_losses_learn_is_of_the_joint_batch(ranks):
    torch.testing.assert_close(ranks[0][3], losses_ranks.follow())
    assert all(map(torch.equal, ranks[0][3], ranks[1][3]))


def test_draws_differ_by_rank_and_their_state_does_not(ranks):
    (grads0, state0), (grads1, state1) = (rank[2] for rank in ranks)
    assert state0['draws.step'] == state1['draws.step'] == 3
    assert not (grads0[0] == 0).equal(grads1[0] == 0)

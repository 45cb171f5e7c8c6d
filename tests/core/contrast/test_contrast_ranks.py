"""Two ranks with half a batch each equal one process with the whole."""
import contrast_ranks
import gloo
import pytest
import torch


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    path = tmp_path_factory.mktemp('ranks')
    gloo.spawn(contrast_ranks.worker, path)
    return [torch.load(path / f'{rank}.pt') for rank in range(2)], contrast_ranks.run()


@pytest.mark.parametrize('name', contrast_ranks.losses())
def test_loss_and_gradient(ranks, name):
    both, (alone, _) = ranks
    assert alone[name][1:].abs().max() > 1e-3
    for values, _ in both:
        torch.testing.assert_close(values[name], alone[name])


def test_queue(ranks):
    both, (_, alone) = ranks
    assert (alone['index'] >= 0).any()
    for _, state in both:
        for key, value in alone.items():
            assert state[key].equal(value)

"""Fails where a new torch moves or changes what mmlt takes from its private names."""
import pytest
import torch
from torch.utils.checkpoint import checkpoint

from mmlt.core import private


@pytest.mark.parametrize('reentrant', [True, False])
def test_a_repeated_forward_is_told_from_the_first(reentrant):
    seen = []

    def forward(x):
        seen.append(private.recomputing())
        return x.sin()

    x = torch.ones(2, requires_grad=True)
    checkpoint(forward, x, use_reentrant=reentrant).sum().backward()
    assert seen == [False, True] and not private.recomputing()


def test_gamma_draws_come_from_the_generator():
    shape, state = torch.full((20000,), 2.5, dtype=torch.float64), torch.get_rng_state()
    draws = private.standard_gamma(shape, torch.Generator().manual_seed(0))
    assert draws.mean() == pytest.approx(2.5, abs=0.05) and draws.var() == pytest.approx(2.5, abs=0.15)
    assert draws.equal(private.standard_gamma(shape, torch.Generator().manual_seed(0)))
    assert not draws.equal(private.standard_gamma(shape, torch.Generator().manual_seed(1)))
    assert torch.get_rng_state().equal(state)


def test_a_name_that_is_gone_is_named(monkeypatch):
    monkeypatch.delattr(torch._C, '_current_graph_task_id')
    with pytest.raises(RuntimeError, match=r'has no torch\._C\._current_graph_task_id.*report it'):
        private.recomputing()

import torch

from mmlt.core.random import global_seed, plain_generator


def test_a_plain_generator_draws_as_torch_does():
    assert torch.rand(3, generator=plain_generator(5)).equal(torch.rand(3, generator=torch.Generator().manual_seed(5)))


def test_a_global_seed_leaves_the_global_state_as_it_was():
    before = torch.get_rng_state()
    with global_seed(3):
        seeded = torch.rand(3)
    assert torch.get_rng_state().equal(before)
    assert seeded.equal(torch.rand(3, generator=plain_generator(3)))

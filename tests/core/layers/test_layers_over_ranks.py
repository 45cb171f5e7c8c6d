"""Two gloo processes equal one with the joint batch."""
import gloo
import layer_ranks
import torch


def test_two_ranks_equal_one(tmp_path):
    gloo.spawn(layer_ranks.worker, tmp_path)
    layers = layer_ranks.make()
    for seed in range(2):
        want = layer_ranks.fit(layers, *layer_ranks.data(seed))
    layers[0](layer_ranks.data(2)[0])
    want[0] = layers[0].embed
    for rank in range(2):
        for got, value in zip(torch.load(tmp_path / f'{rank}.pt'), want):
            torch.testing.assert_close(got, value, rtol=1e-6, atol=1e-6)

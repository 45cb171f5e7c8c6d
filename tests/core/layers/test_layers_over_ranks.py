"""Two gloo processes equal one with the joint batch."""
import subprocess
import sys

import torch
import torch.distributed as dist

from mmlt.core.layers import CausalLinear, CosineLinear, MemoryLinear, NCMClassifier


def data(seed):
    x = torch.randn(10, 6, generator=torch.Generator().manual_seed(seed))
    return x, torch.arange(10) % 3


def fit(layers, x, y):
    causal, ncm, cosine, memory = layers
    causal(x)
    for layer in (ncm, cosine, memory):
        layer.fit(x, y)
    return [causal.embed.clone(), ncm.centroids.clone(), ncm.feat_mean.clone(), ncm.counts.clone(),
            cosine.weight.detach().clone(), memory.centroids.detach().clone()]


def make():
    torch.manual_seed(0)
    return CausalLinear(6, 4), NCMClassifier(6, 4), CosineLinear(6, 4), MemoryLinear(6, 4)


def worker(rank, folder):
    dist.init_process_group('gloo', f'file://{folder}/init', rank=rank, world_size=2)
    layers, part = make(), (slice(0, 7), slice(7, 10))[rank]  # shares of unequal size
    for seed in range(2):
        x, y = data(seed)
        state = fit(layers, x[part], y[part])
    x, y = data(2)
    layers[0](x[:0] if rank else x)  # one rank without a sample
    state[0] = layers[0].embed
    torch.save(state, f'{folder}/{rank}.pt')
    dist.destroy_process_group()


def test_two_ranks_equal_one(tmp_path):
    ranks = [subprocess.Popen([sys.executable, __file__, str(rank), str(tmp_path)]) for rank in range(2)]
    assert [rank.wait(60) for rank in ranks] == [0, 0]
    layers = make()
    for seed in range(2):
        want = fit(layers, *data(seed))
    layers[0](data(2)[0])
    want[0] = layers[0].embed
    for rank in range(2):
        for got, value in zip(torch.load(tmp_path / f'{rank}.pt'), want):
            torch.testing.assert_close(got, value, rtol=1e-6, atol=1e-6)


if __name__ == '__main__':
    worker(int(sys.argv[1]), sys.argv[2])

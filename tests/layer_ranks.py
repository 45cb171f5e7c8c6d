"""Layers that learn from batches, and one rank that fits them; importable by spawned processes."""
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
    dist.init_process_group('gloo')
    layers, part = make(), (slice(0, 7), slice(7, 10))[rank]  # shares of unequal size
    for seed in range(2):
        x, y = data(seed)
        state = fit(layers, x[part], y[part])
    x, y = data(2)
    layers[0](x[:0] if rank else x)  # one rank without a sample
    state[0] = layers[0].embed
    torch.save(state, f'{folder}/{rank}.pt')

"""OLTR's memory beside the formulas, its start, its losses, and loading."""
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmlt.core.layers import MemoryLinear
from mmlt.core.layers.memory import meta_embedding


def layer(d=5, c=4, seed=0, **kwargs):
    torch.manual_seed(seed)
    return MemoryLinear(d, c, **kwargs).double()


def batch(n=6, d=5, c=4, seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=g, dtype=torch.float64), torch.randint(c, (n, ), generator=g)


def naive_logits(layer, x):
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    rows = []
    for v in x.numpy():
        reach = 10 / min(np.linalg.norm(v - m) for m in p['centroids'])
        a = np.exp(p['weight'] @ v + p['bias'])
        memory = sum(share * m for share, m in zip(a / a.sum(), p['centroids']))
        z = reach * (v + np.tanh(p['selector.weight'] @ v + p['selector.bias']) * memory)
        norm = np.linalg.norm(z)
        squashed = layer.cosine.scale * z / (1 + norm)
        rows.append([squashed @ w / np.linalg.norm(w) for w in p['cosine.weight']])
    return torch.tensor(np.array(rows))


def test_logits():
    own, (x, _) = layer(), batch()
    torch.testing.assert_close(own(x), naive_logits(own, x))
    maps = x.view(2, 3, 5).movedim(-1, 1)[..., None]
    torch.testing.assert_close(layer(dim=1)(maps), own(x).view(2, 3, 4).movedim(-1, 1)[..., None])


def test_the_reach_of_three_centroids():
    centroids, x = torch.tensor([[.6, .8], [0, 1], [2, 0]]), torch.tensor([[1., 0]])
    out = meta_embedding(x, centroids, torch.zeros(1, 3), torch.zeros(1, 2))
    torch.testing.assert_close(out, torch.tensor([[11.180340, 0]]))
    near = meta_embedding(centroids, centroids, torch.zeros(3, 3), torch.zeros(3, 2))
    torch.testing.assert_close(near, 1e4 * centroids)  # a feature on a centroid stays finite


def test_losses_and_the_released_gradient():
    own, (x, y) = layer(feature_loss=0.3), batch()
    x.requires_grad_()
    value = own.own_losses(x, y)['loss_memory']
    apart = torch.cdist(x, own.centroids).square()
    wrong = torch.ones_like(apart).scatter(1, y[:, None], 0)
    attract = apart.gather(1, y[:, None]).sum() / 2 / len(x)
    repel = F.relu(10 - (apart * wrong).sum() / apart.numel())
    torch.testing.assert_close(value, 0.3 * (attract + 0.01 * repel))
    torch.testing.assert_close(own.own_losses(x, F.one_hot(y, 4).double())['loss_memory'], value)
    by_x, by_centroids = torch.autograd.grad(value, [x, own.centroids])
    torch.testing.assert_close(by_x, torch.autograd.grad(0.3 * (attract + 0.01 * repel), x, retain_graph=True)[0])
    expected = torch.autograd.grad(0.003 * repel, own.centroids)[0]
    for c in range(4):
        mine = x[y == c].detach()
        expected[c] += (own.centroids[c].detach() - mine).sum(0) / (1 + len(mine)) / len(x)
    torch.testing.assert_close(by_centroids, expected)
    assert own(x.detach()).requires_grad
    assert torch.autograd.grad(own(x.detach()).sum(), own.centroids, allow_unused=True)[0] is None


def test_centroids_start_as_class_means():
    own, (x, _) = layer(), batch(5)
    before = own.centroids.clone()
    own.fit(x, torch.tensor([0, 0, 2, 2, 2]))
    torch.testing.assert_close(own.centroids[[0, 2]].detach(), torch.stack([x[:2].mean(0), x[2:].mean(0)]))
    assert torch.equal(own.centroids[[1, 3]], before[[1, 3]])


def test_a_linear_classifier_asks_the_memory():
    own, first = layer(), nn.Linear(5, 4).double()
    start = own.cosine.weight.clone()
    own.load_state_dict(first.state_dict())
    assert torch.equal(own.weight, first.weight) and torch.equal(own.bias, first.bias)
    assert torch.equal(own.cosine.weight, start)


def test_precision_and_bad_input():
    own, (x, _) = layer().float(), batch()
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(own(x.float()), own(x.float().bfloat16()), rtol=0.1, atol=0.2)
        assert own(x.bfloat16()).dtype == torch.float32
    with pytest.raises(ValueError, match='scale must be a number'):
        MemoryLinear(5, 4, scale=0)
    with pytest.raises(ValueError, match='feature_loss must be a number'):
        MemoryLinear(5, 4, feature_loss=-1)

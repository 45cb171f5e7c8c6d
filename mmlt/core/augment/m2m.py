"""Head images translated to tail classes.  Kim et al., M2m, CVPR 2020, arXiv:2004.00431.

N images of H x W in [0, 1], C classes; target class k, seed image of class k0, counts n.
"""
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def keep_probability(counts: Tensor) -> Tensor:
    """(C,) -> (C,): n_c / n_max, with which an image stays as it is."""
    return counts / counts.max()


def seed_probability(seed_counts: Tensor, target_counts: Tensor, beta: float = 0.999):
    """1 - beta^(n_k0 - n_k), 0 unless the seed's class has more images. Shapes broadcast.

    >>> seed_probability(torch.tensor([100., 100., 10.]), torch.tensor([10., 1., 1.]))
    tensor([0.0861, 0.0943, 0.0090])
    """
    return 1 - beta**(seed_counts - target_counts).clamp(min=0)


def draw_seeds(weights: Tensor, uniform: Tensor) -> Tensor:
    """(M, N), (M,) in [0, 1) -> (M,): image j of row m with a probability proportional to its weight."""
    edges = weights @ torch.ones_like(weights[:1]).expand(weights.size(1), -1).triu()  # a cumulated sum
    index = torch.searchsorted(edges, (uniform * edges[:, -1])[:, None], right=True)
    return index.squeeze(1).clamp(max=edges.size(1) - 1)


def random_start(images: Tensor, noise: Tensor, form: str = 'image', radius: float = 0.5):
    """(N, 3, H, W), noise in [0, 1) of the same shape -> images moved by at most ``radius``.

    ``'image'`` shortens the noise - 1/2 of each image to ``radius``; ``'code'``, as the authors' code does, that of
    each channel over the whole batch, which leaves 0.08 an image of a batch of 128; None leaves the images.
    """
    if form is None:
        return images
    return (images + (noise - 0.5).renorm(2, 0 if form == 'image' else 1, radius)).clamp(0, 1)


def translate(images: Tensor, targets: Tensor, seeds: Tensor, generator: Callable, classifier: Callable,
              lam: float = 0.5, step_size: float = 0.1, steps: int = 10):
    """Move images along -d [CE(generator, k) + lam classifier's logit of k0] / dx, each step ``step_size`` long.

    Args:
        images (Tensor): seeds, (N, 3, H, W) in [0, 1].
        targets, seeds (Tensor): k and k0, (N,).
        generator, classifier (callable): images -> logits (N, C).

    Returns:
        tuple: images in [0, 1], and the generator's probability of the target, (N,).

    >>> x = torch.full((1, 1, 1, 2), 0.5)
    >>> moved, p = translate(x, torch.tensor([1]), torch.tensor([0]), lambda x: x.flatten(1), lambda x: x.flatten(1))
    >>> moved.flatten().tolist()[0] < 0.5 < moved.flatten().tolist()[1], bool(p > 0.5)
    (True, True)
    """
    images, own = images.detach(), seeds[:, None]
    for _ in range(steps):
        with torch.enable_grad():
            images.requires_grad_()
            loss = F.cross_entropy(generator(images), targets) + lam * classifier(images).gather(1, own).mean()
            grad, = torch.autograd.grad(loss, images)
        norm = grad.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        images = (images.detach() - step_size * grad / (norm + 1e-10)).clamp(0, 1)
    with torch.no_grad():
        return images, generator(images).softmax(1).gather(1, targets[:, None]).squeeze(1)

"""What each rank of tests/core/contrast/test_contrast_ranks.py runs."""
import torch
import torch.distributed as dist
from torch.nn import functional as F

from mmlt.core.contrast import (
    BalancedContrastiveLoss,
    ClassQueue,
    GaussianMixtureLoss,
    KeyQueue,
    ProCoLoss,
    PrototypicalContrastiveLoss,
    SupConLoss,
)

N, V, D, K, COUNTS = 8, 2, 8, 24, [40, 20, 9, 3]


def inputs():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(N, V, 5, generator=g, dtype=torch.float64)
    keys, prototypes = (F.normalize(torch.randn(n, D, generator=g, dtype=torch.float64), dim=1) for n in (K, 4))
    return x, torch.tensor([0, 0, 1, 2, 0, 2, 3, 0]), keys, prototypes  # class 3 stands alone on its rank


def losses():
    *_, keys, prototypes = inputs()
    key_labels = torch.arange(K) % 3  # the query of class 3 has no key
    gml = GaussianMixtureLoss(0.1, class_counts=COUNTS)
    return {
        'sup_con': lambda f, y: SupConLoss(0.2)(f, y),
        'one_view': lambda f, y: SupConLoss(0.2)(f[:, :1], y),  # class 1 has no positive
        'bcl': lambda f, y: BalancedContrastiveLoss(0.2)(f, y, prototypes),
        'psc': lambda f, y: PrototypicalContrastiveLoss(0.2)(f[:, 0], y, prototypes),
        'gml': lambda f, y: gml(f[:, 0], y, keys, key_labels),
        'proco': lambda f, y: ProCoLoss(D, 0.2, class_counts=COUNTS)(f, y),
    }


def run(part=slice(None)):
    """name -> loss and the gradient of a weight, averaged over the ranks as DDP does; the queue's state."""
    x, y, *_ = inputs()
    out = {}
    for name, loss in losses().items():
        weight = torch.linspace(-1, 1, 5 * D, dtype=torch.float64).view(5, D).requires_grad_()
        value = loss(F.normalize(x[part] @ weight.cos(), dim=-1), y[part])
        value.backward()
        out[name] = torch.cat([value.detach()[None], weight.grad.flatten()])
        if dist.is_initialized():
            dist.all_reduce(out[name])
            out[name] /= dist.get_world_size()
    queue = ClassQueue(12, 2, 5, COUNTS)
    for step in range(3):
        queue.enqueue(x[part, 0].float() + step, y[part], torch.arange(N)[part] + N * step)
    plain = KeyQueue(2 * N + 3, 5)
    for step in range(3):
        plain.enqueue(x[part, 0].float() + step, y[part])
    return out, dict(queue.state_dict(), **{f'plain.{key}': value for key, value in plain.state_dict().items()})


def worker(rank, path):
    dist.init_process_group('gloo')
    torch.save(run(slice(4 * rank, 4 * rank + 4)), f'{path}/{rank}.pt')

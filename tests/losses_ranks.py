"""What each rank of tests/core/losses/test_losses_distributed.py runs."""
import torch
import torch.distributed as dist
import torch.nn.functional as F

from mmlt.core import losses as lt


def build():
    equalization = lt.SoftmaxEqualizationLoss([9] * 5, gamma=0.5, threshold=1)
    return [lt.EqualizationLossV2(), lt.SeesawSoftmaxLoss(), equalization]


def batches():
    """Three joint batches of 8; the last has soft rows."""
    g = torch.Generator().manual_seed(0)
    for step in range(3):
        z = 2 * torch.randn(8, 5, generator=g, dtype=torch.float64)
        y = torch.randint(5, (8, ), generator=g)
        yield z, y if step < 2 else (0.4 * F.one_hot(y, 5) + 0.6 * F.one_hot(y.flip(0), 5)).double()


def run(loss, part=slice(None)):
    """-> the gradient of every step, the final state."""
    grads = []
    for z, y in batches():
        z = z[part].requires_grad_()
        loss(z, y[part]).backward()
        grads.append(z.grad)
    return grads, loss.state_dict()


def follow(part=slice(None)):
    """-> the centers that DRO-LT has after all steps, ISDA's covariances, and what LFME's student and experts knew."""
    counts = [16, 8, 4, 2, 1]
    dro_lt, isda, lfme = lt.DROLTLoss(counts, dim=5), lt.ISDALoss(counts, dim=5), lt.LFMELoss(counts, many=5, few=2)
    for z, y in list(batches())[:2]:
        dro_lt(z[part], y[part], feats=z[part].float())
        isda(z[part], y[part], feats=z[part].float(), class_vectors=torch.eye(5), progress=(1, 2))
        lfme(z[part], y[part], z[part].expand(3, -1, -1), progress=(1, 2))
    return [dro_lt.centers, isda.covariances, lfme.hits]


def worker(rank, path):
    dist.init_process_group('gloo')
    torch.save([run(loss, slice(4 * rank, 4 * rank + 4)) for loss in build()]
               + [follow(slice(4 * rank, 4 * rank + 4))], f'{path}/{rank}.pt')

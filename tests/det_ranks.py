"""What each rank of tests/det/test_det_distributed.py runs."""
import torch
import torch.distributed as dist

from mmlt import det


def run(part=slice(None)):
    """-> state of a loss and of a classifier after three joint batches of 8 RoIs."""
    loss, layer = det.EqualizationLossV2(), det.CausalLinear(6, 4)
    loss.get_cls_channels(3)
    layer.load_state_dict(dict(weight=torch.ones(4, 6)))
    g = torch.Generator().manual_seed(0)
    for _ in range(3):
        x, z = torch.randn(8, 6, generator=g), torch.randn(8, 4, generator=g, dtype=torch.float64)
        y = torch.tensor([0, 3, 3, 3, 1, 2, 0, 3])  # one foreground RoI on rank 0, three on rank 1
        loss(z[part].requires_grad_(), y[part])
        layer(x[part])
        layer.read_labels(loss, (z[part], y[part]))
    return loss.state_dict(), layer.state_dict()


def worker(rank, path):
    dist.init_process_group('gloo')
    torch.save(run(slice(4 * rank, 4 * rank + 4)), f'{path}/{rank}.pt')

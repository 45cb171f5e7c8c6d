"""Sums and gathers over the processes of a run; alone, they change nothing.  N images of this rank."""
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def rank_and_world_size() -> tuple[int, int]:
    """(rank, world size), (0, 1) without torch.distributed."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def rank() -> int:
    """Which of the run's processes this is, 0 when alone."""
    return rank_and_world_size()[0]


def world_size() -> int:
    """How many processes the run has."""
    return rank_and_world_size()[1]


def from_first(value: Any) -> Any:
    """What rank 0 has, any object, on all ranks; they go on when it is there."""
    if world_size() > 1:
        box = [value]
        dist.broadcast_object_list(box, src=0)
        value, = box
    return value


def sum_over_ranks(*tensors: Tensor) -> Tensor:
    """Sum each tensor over the ranks, in place and in one call; -> the first. All have one dtype and device."""
    if world_size() > 1:
        joint = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(joint)
        for tensor, total in zip(tensors, joint.split([tensor.numel() for tensor in tensors])):
            tensor.copy_(total.view_as(tensor))
    return tensors[0]


def gather(x: Tensor) -> Tensor:
    """(N, ...) -> (ranks N, ...) in the order of the ranks; N is the same on every rank.

    The gradient that a rank gets is the sum of all ranks' gradients of its rows: where each rank computes the loss of
    the joint batch and DDP averages, it is that of one process with the joint batch.
    """
    return x if world_size() == 1 else _Gather.apply(x)


def gather_uneven(x: Tensor) -> Tensor:
    """:func:`gather` for an N that differs between the ranks. Reads the lengths, so the device is synchronised."""
    if world_size() == 1:
        return x
    lengths = gather(torch.tensor([len(x)], device=x.device)).tolist()
    padded = torch.cat([x, x.new_zeros(max(lengths) - len(x), *x.shape[1:])])
    return torch.cat([part[:n] for part, n in zip(gather(padded).chunk(len(lengths)), lengths)])


class _Gather(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x):
        ctx.rows = len(x)
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world_size())]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, grad):
        grad = grad.clone(memory_format=torch.contiguous_format)  # autograd may have handed it to others too
        dist.all_reduce(grad)
        begin = rank() * ctx.rows
        return grad[begin:begin + ctx.rows]


def class_sums(features: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """(N, D), (N,) of this rank -> the sum of each class's features (C, D) and their number (C,), of all ranks."""
    sums = features.new_zeros(classes, features.size(1)).index_add_(0, labels, features)
    number = labels.new_zeros(classes).index_add_(0, labels, torch.ones_like(labels))  # bincount reads the largest
    return sum_over_ranks(sums), sum_over_ranks(number)

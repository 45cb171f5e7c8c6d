"""What each rank of tests/core/test_dist.py runs."""
import torch
import torch.distributed as dist

from mmlt.core.dist import gather, gather_uneven, rank_and_world_size, sum_over_ranks
from mmlt.core.random import Draws, seeded_generator, shared_seed

ROWS = (3, 5)  # of each rank


def joint(rows):
    return torch.arange(rows * 2, dtype=torch.float64).view(rows, 2).sin()


def weighted(x):
    """A loss of the joint batch in which every pair of rows meets."""
    return ((x @ x.T).tanh() * torch.linspace(-1, 1, len(x) ** 2, dtype=x.dtype).view(len(x), -1)).sum()


def worker(rank, path):
    dist.init_process_group('gloo')
    out = {'who': rank_and_world_size(), 'seed': shared_seed(), 'draws': Draws(3).generator('cpu').initial_seed(),
           'expected': seeded_generator(3, 0, rank).initial_seed()}
    a, b = torch.full((2, 3), rank + 1.), torch.tensor(10. * rank)
    out['first'] = sum_over_ranks(a, b)
    out['sums'] = a, b
    for name, rows, function in (('even', (4, 4), gather), ('uneven', ROWS, gather_uneven)):
        own = joint(sum(rows)).split(rows)[rank].requires_grad_()
        together = function(own)
        weighted(together).backward()
        out[name] = together.detach(), own.grad / 2  # DDP averages
    out['integers'] = gather_uneven(torch.arange(ROWS[rank]))
    torch.save(out, f'{path}/{rank}.pt')

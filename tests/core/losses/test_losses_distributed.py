"""Two ranks with half a batch each equal one process with the whole."""
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from mmlt.core import losses as lt


def batches():
    g = torch.Generator().manual_seed(0)
    for step in range(3):
        z = 2 * torch.randn(8, 5, generator=g, dtype=torch.float64)
        y = torch.randint(5, (8, ), generator=g)
        if step == 2:
            y = (torch.nn.functional.one_hot(y, 5) * 0.4 + torch.nn.functional.one_hot(y.flip(0), 5) * 0.6).double()
        yield z, y


def run(loss, part=slice(None)):
    """-> gradients of every step, final state."""
    grads = []
    for z, y in batches():
        z = z[part].requires_grad_()
        loss(z, y[part]).backward()
        grads.append(z.grad)
    return grads, loss.state_dict()


def build():
    return [lt.EqualizationLossV2(), lt.SeesawSoftmaxLoss(), lt.SoftmaxEqualizationLoss(0.5, 1, class_counts=[9] * 5)]


def worker(rank, path):
    dist.init_process_group('gloo', init_method=f'file://{path}/init', rank=rank, world_size=2)
    torch.save([run(loss, slice(4 * rank, 4 * rank + 4)) for loss in build()], f'{path}/{rank}.pt')
    dist.destroy_process_group()


def test_two_ranks(tmp_path):
    mp.spawn(worker, (str(tmp_path), ), nprocs=2)
    ranks = [torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)]
    for loss, one, two in zip(build()[:2], *ranks):
        grads, state = run(loss)
        for step, joint in enumerate(grads):
            halves = torch.cat([one[0][step], two[0][step]]) / 2  # each rank averages over its half
            torch.testing.assert_close(halves, joint)
        for key, value in state.items():
            torch.testing.assert_close(one[1][key], value)
            assert one[1][key].equal(two[1][key])
    # random draws: the same buffer, other numbers on each rank
    (grads0, state0), (grads1, state1) = ranks[0][2], ranks[1][2]
    assert state0['draws.step'] == state1['draws.step'] == 3
    assert not (grads0[0] == 0).equal(grads1[0] == 0)

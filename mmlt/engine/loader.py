"""Reach the training loader of a run: what draws its indices, and what its workers have loaded ahead."""
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import BatchSampler


def counts_iterations(runner) -> bool:
    """True if the training counts iterations, not epochs."""
    return not isinstance(runner.train_loop, EpochBasedTrainLoop)


def replace_sampler(loader, sampler) -> None:
    """Let the batches of ``loader`` be drawn by ``sampler``.

    A ``DataLoader`` refuses another sampler once it is built; its batch sampler, which alone asks the sampler, keeps it
    in the attribute ``sampler``, in PyTorch as in MMEngine and MMDetection.
    """
    if not hasattr(loader.batch_sampler, 'sampler'):
        raise ValueError(f'{type(loader.batch_sampler).__name__} keeps no sampler that could be replaced; sampler '
                         'stages need a batch_sampler of PyTorch or MMEngine')
    loader.batch_sampler.sampler = sampler


def can_restart(loader) -> bool:
    """True if :func:`restart` can go on at any iteration."""
    return loader.num_workers == 0 or (type(loader.batch_sampler) is BatchSampler
                                       and hasattr(loader.batch_sampler.sampler, 'skip'))


def restart(runner, iteration) -> None:
    """In an iteration-based run, drop what workers have loaded ahead, and go on at ``iteration``. Without workers
    nothing is loaded ahead, and nothing is done."""
    loop, batches = runner.train_loop, runner.train_dataloader.batch_sampler
    if loop.dataloader.num_workers:
        batches.sampler.skip(iteration * batches.batch_size)
        renew_iterator(loop)


def renew_iterator(loop) -> None:
    """Let an iteration-based loop ask its loader anew. MMEngine 0.10 starts the workers when it builds the loop, before
    any hook can change the loader."""
    loop.dataloader_iterator = type(loop.dataloader_iterator)(loop.dataloader)

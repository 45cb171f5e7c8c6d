"""Random draws of the frameworks that a resumed run repeats."""
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import BatchSampler

from ..positions import position_samples, seed_all

STEP, EPOCH = 1, 2  # which stream of draws


class RandomStateHook(Hook):
    """Make every random draw of a training a function of where it happens, so that a resumed run equals one that was
    never stopped, bit for bit on the CPU.

    The global generators of PyTorch, NumPy and Python are seeded before each step from (seed, epoch, iteration, rank):
    for MMPretrain's ``Mixup`` and ``CutMix``, dropout, and whatever else draws from them. For each image they are
    seeded from (seed, epoch, position of the image in the epoch), so that every transform of the frameworks gives the
    same image whatever the number of loader workers or ranks, whether workers persist, and where the run was resumed.
    (MMEngine saves no random state, and its workers begin each epoch with the same draws unless they persist.)

    A run resumed from a checkpoint inside an epoch (``by_epoch=False``) goes on at the next batch of that epoch, where
    MMEngine begins the epoch anew.
    """

    priority = 'LOW'  # the sampler is what the other hooks made it

    def before_train(self, runner):
        loader, loop = runner.train_dataloader, runner.train_loop
        sampler, batches = position_samples(loader, runner.seed or 0), loader.batch_sampler
        if len({*all_gather_object(len(loader))}) > 1:
            raise ValueError(f'this rank has {len(loader)} batches an epoch, another has more or fewer, for which it '
                             'would wait for ever; give the sampler round_up=True')
        if not runner._resume:
            return
        if not isinstance(loop, EpochBasedTrainLoop):
            if hasattr(sampler.sampler, 'skip'):  # by which the loop will go on
                sampler.first_number = runner.iter * batches.batch_size
            return
        done = runner.iter - runner.epoch * len(loader)  # batches of this epoch
        if 0 < done <= len(loader) and type(batches) is BatchSampler:
            sampler.leave_out = min(done * batches.batch_size, len(sampler))
        elif done:
            runner.logger.warning(f'the checkpoint was saved {done} batches of now {len(loader)} into epoch '
                                  f'{runner.epoch + 1}, which does not fit; this epoch begins anew')

    def before_train_epoch(self, runner):
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            runner.train_dataloader.batch_sampler.sampler.set_epoch(runner.epoch)
        seed_all(EPOCH, runner.seed or 0, runner.epoch, runner.rank)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        seed_all(STEP, runner.seed or 0, runner.epoch, runner.iter, runner.rank)

"""``sampler``: another law by which images are drawn."""
from mmengine.dataset import InfiniteSampler
from torch.utils.data import BatchSampler, Sampler

from ...data.samplers import StagedSampler
from ...data.samplers.staged import epoch_size
from ...data.samplers.stream import SamplerStream
from ..loader import counts_iterations, replace_sampler
from .part import StagePart, register


@register
class SamplerPart(StagePart):
    """Puts a ``StagedSampler`` into the loader, in an iteration-based run a ``SamplerStream``."""

    keys = dict(sampler=(dict, type, Sampler))

    def install(self, runner):
        staged = self.plan.having('sampler')
        if not staged:
            return
        loader = runner.train_dataloader
        old = loader.batch_sampler.sampler
        stages = [dict(begin=s['begin'], sampler=s['sampler']) for s in staged]
        if stages[0]['begin']:
            stages.insert(0, dict(begin=0, sampler=old))
        if counts_iterations(runner):
            if type(loader.batch_sampler) is not BatchSampler or not isinstance(old, (InfiniteSampler, SamplerStream)):
                raise ValueError('sampler stages of an iteration-based run need InfiniteSampler and plain batches, the '
                                 f'loader has {type(old).__name__} and {type(loader.batch_sampler).__name__}; set '
                                 'train_dataloader=dict(sampler=dict(type="InfiniteSampler", shuffle=True), '
                                 'batch_sampler=None)')
            stream = SamplerStream(loader.dataset, stages, loader.batch_sampler.batch_size,
                                   getattr(old, 'seed', runner.seed))
            if hasattr(runner.train_loop.dataloader_iterator, 'skip_iter'):  # else the loop loads and drops batches
                stream.skip(runner.iter * stream.batch_size)
            replace_sampler(loader, stream)
        else:
            replace_sampler(loader, StagedSampler(
                loader.dataset, stages, seed=getattr(old, 'seed', runner.seed),
                round_up=getattr(old, 'round_up', True), num_samples=epoch_size(old, len(loader.dataset))))

    def load(self, runner, time, begins):
        sampler = runner.train_dataloader.batch_sampler.sampler
        if isinstance(sampler, StagedSampler):
            sampler.set_epoch(time)
        elif isinstance(sampler, SamplerStream):
            sampler.announce(time)

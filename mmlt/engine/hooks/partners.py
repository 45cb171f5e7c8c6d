"""Partners for mixing from the whole training set.  N images of a batch, C classes."""
import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn import functional as F

from mmlt.data.samplers.staged import build_sampler
from mmlt.engine.access import batch_augments, unwrap
from mmlt.engine.fast import FastLoader


class PartnerHook(Hook):
    """Let ``ContextMinorityOversample`` and ``UniMix`` draw partners from the whole training set, as their papers do.

    Without it they have the batch, in which rare classes are rare. A second loader, otherwise the runner's own, draws
    class c with the probability that the augmentation asks for, proportional to n_c^q. It loads as many images again
    as are mixed.
    """

    def before_train_epoch(self, runner):
        for augment in _asking(runner):
            augment.partners = partners(runner, augment.partner_power)

    def after_train_epoch(self, runner):
        for augment in _asking(runner):
            augment.partners = None  # ends the loader's workers


def _asking(runner):
    return [a for a in batch_augments(unwrap(runner.model)) if getattr(a, 'partner_power', None) is not None]


def partners(runner, power):
    """Batches (N, ...) as the model's preprocessor makes them, with one-hot labels (N, C), without end."""
    own, preprocess = runner.train_dataloader, unwrap(runner.model).data_preprocessor
    sampler, size = dict(type='PowerSampler', q=power), min(own.batch_sampler.batch_size,
                                                            len(own.dataset) // get_world_size())
    if isinstance(own, FastLoader):
        loader = own.like(build_sampler(sampler, own.dataset, runner.seed + 1), size, runner.seed + 1)
    else:
        loader = Runner.build_dataloader(dict(
            dataset=own.dataset, batch_size=size, num_workers=own.num_workers, pin_memory=own.pin_memory,
            collate_fn=own.collate_fn, drop_last=True, sampler=sampler), seed=runner.seed + 1)
    loader.sampler.set_epoch(runner.epoch)
    while True:
        for batch in loader:
            batch = preprocess(batch, training=False)
            labels = torch.cat([sample.gt_label for sample in batch['data_samples']])
            yield batch['inputs'], F.one_hot(labels, preprocess.num_classes).float()

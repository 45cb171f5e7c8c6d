"""A second stream of the training set: batches beside the main ones, drawn by another law.  N images, C classes."""
from functools import partial
from itertools import islice

import torch
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import EpochBasedTrainLoop
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ..data.samplers import PowerSampler
from .access import unwrap
from .fast import FastLoader
from .positions import position_samples


class PartnerSampler(PowerSampler):
    """``PowerSampler`` with replacement for every q, which may begin within its list, at ``first`` of a rank's."""

    first = 0

    def shuffles(self):
        return False

    def __iter__(self):
        return islice(super().__iter__(), self.first, None)


class PartnerStream:
    """Partners of class c with a probability proportional to n_c^power, through the training set's own pipeline.

    ``PartnerHook`` makes one for each module of the model that has a number ``partner_power``, as its attribute
    ``partners``; None outside of training::

        class BilateralBranchClassifier(ImageClassifier):
            partner_power, partners = -1.0, None        # 1 as the data are, 0 balanced, -1 reversed

            def loss(self, inputs, data_samples):
                other, other_samples = take_partners(self, len(inputs))

    An epoch has as many partners as the main loader draws images, with replacement, each with random transforms of its
    own and without batch augmentations. Which ones follows from (seed, epoch), for all ranks together; an
    iteration-based run counts an epoch whenever the main loader's length is over, and goes on in the midst of one when
    it is resumed, provided that every iteration took partners. A deep copy of the owner has none.

    Args:
        runner (Runner): in training.
        power (float): of the class counts.
        number (int): parts streams of the same power.
        dataset (Dataset, optional): other images than those of the training set.
    """

    def __init__(self, runner, power, number=0, dataset=None):
        own, seed = runner.train_dataloader, (runner.seed or 0) + 1 + number
        dataset = own.dataset if dataset is None else dataset
        self.size = own.batch_sampler.batch_size
        self.preprocess = unwrap(runner.model).data_preprocessor
        self.sampler = PartnerSampler(dataset, q=power, seed=seed,
                                      num_samples=len(own) * self.size * get_world_size())
        if isinstance(own, FastLoader):
            self.loader = own.like(dataset, self.sampler, self.size, seed)
        else:  # not by Runner.build_dataloader, which copies the data set
            self.loader = DataLoader(
                dataset, self.size, sampler=self.sampler, drop_last=True, num_workers=own.num_workers,
                collate_fn=own.collate_fn, pin_memory=own.pin_memory, prefetch_factor=own.prefetch_factor,
                persistent_workers=own.persistent_workers, worker_init_fn=partial(
                    worker_init_fn, num_workers=own.num_workers, rank=get_rank(), seed=seed))
        self.places = None if isinstance(own, FastLoader) else position_samples(self.loader, seed)
        self.batches = len(own)
        self._iterator = None

    def begin(self, runner):
        """Start where the run is."""
        position = (runner.epoch, 0)
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            position = divmod(runner.iter, self.batches)
        self._start(*position)

    def _start(self, epoch, batch=0):
        self.sampler.set_epoch(epoch)
        self.sampler.first = batch * self.size
        if self.places is not None:  # the transforms draw by the place, not by what a worker did before
            self.places.set_epoch(epoch)
            self.places.first_number = self.sampler.first
        self._iterator = iter(self.loader)

    def stop(self):
        """Let the workers end, unless they persist."""
        self._iterator = None

    def take(self, n) -> tuple:
        """The next batch: inputs (n, ...) as the model's preprocessor makes them, and n data samples.

        Raises:
            ValueError: n is larger than the loader's batch.
        """
        if n > self.size:
            raise ValueError(f'{n} partners were asked for, a batch of the training loader has {self.size}')
        batch = next(self._iterator, None)
        if batch is None:
            self._start(self.sampler.epoch + 1)
            batch = next(self._iterator)
        batch = self.preprocess(batch, training=False)
        samples = batch['data_samples'][:n]
        for sample in samples:
            if 'gt_score' in sample:  # integers, where the main batch has soft labels
                sample.set_gt_score(sample.gt_score.float())
        inputs = batch['inputs']  # or several views, one batch each
        return [view[:n] for view in inputs] if isinstance(inputs, list) else inputs[:n], samples

    def pairs(self):
        """Inputs (N, ...) and one-hot labels (N, C), without end, for a batch augmentation."""
        while True:
            inputs, samples = self.take(self.size)
            labels = torch.cat([sample.gt_label for sample in samples])
            yield inputs, F.one_hot(labels, self.preprocess.num_classes).float()

    def __deepcopy__(self, memo):
        return None


def take_partners(owner, n) -> tuple:
    """n partners for ``owner``, a module with ``partner_power``: inputs (n, ...) and n data samples.

    Raises:
        RuntimeError: it has no partners.
    """
    if owner.partners is None:
        raise RuntimeError(f'{type(owner).__name__} has no partners; in training, dict(type="PartnerHook") among the '
                           'hooks gives them')
    return owner.partners.take(n)

"""The levels of a class-wise augmentation.  C classes, S levels."""
import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from torch import Tensor

from ...core.checks import check_integer, check_range
from ...core.dist import sum_over_ranks
from ...core.random import global_seed, host_draws_kept
from ...data.labels import labels_of
from ..access import evaluating, unwrap
from ..pipelines import leaf_datasets
from ..positions import seed_all

STREAM = 5  # of the draws in core/random.py's sense: (stream, seed, epoch, number)


def next_levels(levels: Tensor, right: Tensor, seen: Tensor, threshold: float = 0.6) -> Tensor:
    """(C,), (C, S), (C, S) -> (C,): one up where more than ``threshold`` is right at every level up to the class's own,
    else one down, within 0 .. S - 1; a class that was not seen stays.

    >>> right, seen = torch.tensor([[10, 13], [10, 12], [5, 0]]), torch.tensor([[10, 20], [10, 20], [10, 0]])
    >>> next_levels(torch.tensor([1, 1, 0]), right, seen).tolist()
    [1, 0, 0]
    """
    tested = torch.arange(seen.shape[1]) <= levels[:, None]
    bears = ((right > threshold * seen) | ~tested).all(1)
    moved = (levels + torch.where(bears, 1, -1)).clamp(0, seen.shape[1] - 1)
    return torch.where(seen.sum(1) > 0, moved, levels)


class ClassLevelHook(Hook):
    """Find for each class the level of ``ClassWiseAugment`` that it bears. Ahn et al., CUDA, ICLR 2023,
    arXiv:2302.05499.

    Before an epoch ``draws * (s + 1)`` training images of each class are augmented at each level s up to the class's
    own, and predicted in eval mode; a class that is predicted right at all of them goes up by one, else down. The
    images are split over the ranks. Levels travel in the checkpoint. The price is up to 660 forward passes a class for
    ten levels, the more the more is learnt.

    Args:
        draws (int): images at level 0.
        threshold (float): share of right predictions above which a level is borne.
        interval (int): epochs between two tests.

    Raises:
        ValueError: no ``ClassWiseAugment`` in the training pipeline, or a loader that does not run it.
    """

    state = tested = None

    def __init__(self, draws=10, threshold=0.6, interval=1):
        check_integer(self, 1, draws=draws, interval=interval)
        check_range(self, '[0, 1]', threshold=threshold)
        self.draws, self.threshold, self.interval = draws, threshold, interval

    def before_train(self, runner):
        dataset = runner.train_dataloader.dataset
        leaves = leaf_datasets(dataset)
        self.parts = [t for leaf in leaves for t in leaf.pipeline.transforms if hasattr(t, 'level_of')]
        if not self.parts:
            raise ValueError('ClassLevelHook goes with ClassWiseAugment, which is not in the training pipeline; write '
                             "pipeline=[dict(type='ClassWiseAugment', pipeline=...)], or drop the hook")
        labels = torch.as_tensor(np.asarray(labels_of(dataset)))
        self.images = [torch.nonzero(labels == c)[:, 0] for c in range(int(labels.max()) + 1)]
        self.levels = torch.zeros(len(self.images), dtype=torch.int64).share_memory_()
        if self.state is not None:
            self.levels.copy_(self.state)
        for part in self.parts:
            part.levels = self.levels

    def before_train_epoch(self, runner):
        if runner.epoch % self.interval == 0 and self.tested != runner.epoch:
            right, seen = self.test(runner)
            self.levels.copy_(next_levels(self.levels, right, seen, self.threshold))
            self.tested = runner.epoch
        runner.message_hub.update_scalar('train/augment_level', self.levels.double().mean().item())

    def test(self, runner):
        """-> right (C, S), seen (C, S), over all ranks."""
        key = STREAM, runner.seed or 0, runner.epoch
        tasks = []
        with global_seed(0), host_draws_kept():
            seed_all(*key)
            for images, level in zip(self.images, self.levels.tolist()):
                for s in range(level + 1 if len(images) else 0):
                    picks = torch.randint(len(images), (self.draws * (s + 1), ))
                    tasks += [(int(i), s) for i in images[picks]]
            tasks = list(enumerate(tasks))[get_rank()::get_world_size()]
            counts = torch.zeros(2, len(self.levels), self.parts[0].max_level + 1)
            size = runner.train_dataloader.batch_sampler.batch_size
            model = unwrap(runner.model)
            with torch.no_grad(), evaluating(model):
                for begin in range(0, len(tasks), size):
                    self._predict(runner, model, tasks[begin:begin + size], key, counts)
        sum_over_ranks(counts)
        return counts

    def _predict(self, runner, model, tasks, key, counts):
        items = []
        for number, (index, level) in tasks:
            seed_all(*key, number + 1)
            for part in self.parts:
                part.forced = level
            items.append(runner.train_dataloader.dataset[index])
        for part in self.parts:
            part.forced = None
        data = model.data_preprocessor(runner.train_dataloader.collate_fn(items), False)
        labels = torch.cat([sample.gt_label for sample in data['data_samples']]).cpu()
        hits = model(data['inputs'], mode='tensor').argmax(1).cpu() == labels
        levels = torch.tensor([level for _, (_, level) in tasks])
        counts[1].index_put_((labels, levels), torch.ones(len(labels)), accumulate=True)
        counts[0].index_put_((labels, levels), hits.float(), accumulate=True)

    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint['mmlt_class_levels'] = self.levels.clone(), self.tested

    def after_load_checkpoint(self, runner, checkpoint):
        if runner._resume and 'mmlt_class_levels' in checkpoint:
            self.state, self.tested = checkpoint['mmlt_class_levels']

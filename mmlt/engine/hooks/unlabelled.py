"""Unlabelled images beside the training set."""
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.registry import DATASETS
from torch.utils.data import DataLoader, Dataset

from ...core.checks import check_integer
from ...core.random import seeded_generator
from ..access import unwrap


class UnlabelledHook(Hook):
    """Feed ``FixMatchClassifier``: (weak, strong) views of ``ratio`` times as many images as a training batch has.

    Args:
        dataset (dict): the images; labels that they have are not read. Its pipeline is not used.
        weak, strong (list[dict]): pipelines of the two views.
        ratio (int): unlabelled images for each labelled one.
        num_workers (int): of the loader.

    Raises:
        ValueError: the model does not take unlabelled images.
    """

    def __init__(self, dataset, weak, strong, ratio=7, num_workers=0):
        check_integer(self, 1, ratio=ratio)
        self.dataset, self.pipelines, self.ratio, self.num_workers = dataset, (weak, strong), ratio, num_workers

    def before_train(self, runner):
        model = unwrap(runner.model)
        if not hasattr(model, 'unlabelled'):
            raise ValueError(f'UnlabelledHook is for FixMatchClassifier, the model is {type(model).__name__}')
        self.views = TwoViews(DATASETS.build(self.dataset), *map(Compose, self.pipelines))

    def before_train_epoch(self, runner):
        size = self.ratio * runner.train_dataloader.batch_sampler.batch_size
        total = size * len(runner.train_dataloader) * get_world_size()
        generator = seeded_generator(runner.seed or 0, runner.epoch, 3)
        rounds = -(-total // len(self.views))
        order = torch.cat([torch.randperm(len(self.views), generator=generator) for _ in range(rounds)])[:total]
        loader = DataLoader(self.views, size, sampler=order[get_rank()::get_world_size()].tolist(),
                            num_workers=self.num_workers, collate_fn=_collate, drop_last=True)
        unwrap(runner.model).unlabelled = _preprocessed(loader, unwrap(runner.model).data_preprocessor)

    def after_train_epoch(self, runner):
        unwrap(runner.model).unlabelled = None


class TwoViews(Dataset):
    """Image i through two pipelines."""

    def __init__(self, dataset, *pipelines):
        self.dataset, self.pipelines = dataset, pipelines

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        return tuple(pipeline(self.dataset.get_data_info(i)) for pipeline in self.pipelines)


def _collate(pairs):
    return tuple(pseudo_collate(view) for view in zip(*pairs))


def _preprocessed(loader, preprocess):
    for views in loader:
        yield tuple(preprocess(view, training=False)['inputs'] for view in views)

"""SADE at test time.  E experts, N images, C classes."""
import copy

import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hooks import Hook
from torch.utils.data import DataLoader, RandomSampler

from ...core.aggregation import aggregate_experts
from ...core.checks import check_integer, check_range
from ...core.random import plain_generator
from ..access import evaluating, unwrap
from ..pipelines import leaf_datasets


class ExpertAggregationHook(Hook):
    """Before a test, weigh the experts so that two augmented views of each **test image** agree. Zhang et al., SADE,
    NeurIPS 2022, arXiv:2107.09249.

    It reads the images of the test set, without labels: the result is transductive, not comparable with others. The log
    says so, and the results carry ``experts/weights_from_test_images`` beside the weights. Off unless it is added.

    Args:
        steps (int, optional): at most so many steps; by default five passes over the test set.
        lr (float): of SGD.
        min_weight (float): see :func:`mmlt.core.aggregation.aggregate_experts`.
        pipeline (list[dict], optional): of the views, by default that of the training set.

    Raises:
        ValueError: the model has no ``MultiExpertClsHead``.
    """

    priority = 'HIGHEST'  # before the results are written down

    def __init__(self, steps=None, lr=0.1, min_weight=0.05, pipeline=None):
        if steps is not None:
            check_integer(self, 1, steps=steps)
        check_range(self, '(0, inf)', lr=lr)
        check_range(self, '[0, 1)', min_weight=min_weight)
        self.steps, self.lr, self.min_weight, self.pipeline = steps, lr, min_weight, pipeline

    def before_test(self, runner):
        model = unwrap(runner.model)
        if not hasattr(getattr(model, 'head', None), 'expert_weights'):
            raise ValueError(f'ExpertAggregationHook weighs the experts of MultiExpertClsHead, which '
                             f'{type(model).__name__} does not have; drop the hook')
        runner.logger.warning('ExpertAggregationHook reads the images of the test set: its result is transductive')
        model.head.expert_weights = None
        with evaluating(model):
            weights = aggregate_experts(self._passes(runner, model), model.head.num_experts, self.lr, self.min_weight)
        runner.logger.info(f'Weights of the experts: {", ".join(f"{w:.3f}" for w in weights.tolist())}')
        model.head.expert_weights = weights.to(next(model.parameters()).device)

    def _passes(self, runner, model):
        dataset = copy.copy(runner.test_dataloader.dataset)
        pipeline = self.pipeline or runner.cfg.train_dataloader.dataset.pipeline
        leaves = leaf_datasets(dataset)
        views, own, left = Compose(pipeline), [leaf.pipeline for leaf in leaves], self.steps
        size = runner.test_dataloader.batch_sampler.batch_size
        for number in range(5):
            generator = plain_generator((runner.seed or 0) + number)
            order = list(RandomSampler(dataset, generator=generator))[:None if left is None else left * size]
            loader = DataLoader(dataset, size, sampler=order, collate_fn=pseudo_collate)
            for leaf in leaves:
                leaf.pipeline = views
            try:
                yield ((self._logits(model, a), self._logits(model, b)) for a, b in zip(loader, loader))
            finally:
                for leaf, pipeline in zip(leaves, own):
                    leaf.pipeline = pipeline
            if left is not None:
                left -= -(-len(order) // size)
                if left <= 0:
                    return

    @staticmethod
    def _logits(model, batch):
        with torch.no_grad():
            inputs = model.data_preprocessor(batch, training=False)['inputs']
            return model.head.expert_logits(model.extract_feat(inputs)).float()

    def after_test_epoch(self, runner, metrics=None):
        weights = unwrap(runner.model).head.expert_weights
        metrics['experts/weights_from_test_images'] = 1.0
        metrics.update({f'experts/weight_{e}': w for e, w in enumerate(weights.tolist())})

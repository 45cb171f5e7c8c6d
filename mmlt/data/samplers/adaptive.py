"""Samplers whose class probabilities follow the training. Hooks of the same names feed them; the state travels in the
checkpoint. C classes.
"""
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from ...core.checks import check_integer, check_range
from ...core.meta_sampling import class_log_rates, initial_weights
from ...core.random import seeded_generator
from ...core.sampling import accuracy_probabilities, drawn_indices
from .base import ClassSampler


class AccuracyDrivenSampler(ClassSampler):
    """Draw class c in proportion to (1 - accuracy_c + eps)^power. mmlt's own, after the idea of VideoLT's FrameStack
    (Zhang et al., ICCV 2021, arXiv:2105.02668), which mixes frames of two clips instead.

    ``ClassAccuracyHook`` gives it the accuracy on the training images of the epoch before, never the test set; until
    then, and with equal accuracies, every class comes alike.

    Args:
        power (float): 0 is class-balanced.
        eps (float): what a class without mistakes keeps.

    >>> sampler = AccuracyDrivenSampler([0, 0, 1, 2], seed=0)
    >>> sampler.set_class_accuracy([.9, .6, .3])
    >>> [round(p, 4) for p in sampler.class_probabilities.tolist()]
    [0.084, 0.3333, 0.5827]
    """

    def __init__(self, dataset: Any, power: float = 1.0, eps: float = 1e-3, **kwargs):
        check_range(self, '[0, inf)', power=power)
        check_range(self, '(0, inf)', eps=eps)
        super().__init__(dataset, **kwargs)
        self.power, self.eps = power, eps
        self.class_accuracy = torch.zeros(len(self.counts), dtype=torch.float64)

    def set_class_accuracy(self, accuracy: np.ndarray) -> None:
        """Take the accuracy of each class, (C,) in [0, 1]; 0 for one without predictions.

        Raises:
            ValueError: another number of classes, or a value outside [0, 1].
        """
        accuracy = torch.as_tensor(accuracy, dtype=torch.float64).cpu()
        if accuracy.shape != self.class_accuracy.shape:
            raise ValueError(f'accuracy of shape {tuple(accuracy.shape)} for a data set of {len(self.counts)} classes; '
                             'pass one number a class')
        bad = ~((accuracy >= 0) & (accuracy <= 1))
        if bad.any():
            c = int(bad.nonzero()[0])
            raise ValueError(f'class {c} has the accuracy {accuracy[c].item():g}, expected a share in [0, 1]; divide '
                             'percent by 100, and pass 0 for a class without predictions')
        self.class_accuracy = accuracy

    @property
    def class_probabilities(self):
        return accuracy_probabilities(self.counts, self.class_accuracy, self.power, self.eps)


class MetaSampler(ClassSampler):
    """Draw class c in proportion to n_c sigmoid(w_c), w learnt so that a step on the drawn batch lowers the loss of a
    balanced one. Ren et al., Balanced Meta-Softmax, NeurIPS 2020, arXiv:2007.10740.

    ``MetaSamplerHook`` changes w after every step. Indices are drawn in blocks of one batch when the loader asks for
    them, so its workers are a few batches behind. For the second stage, with a frozen backbone.

    Args:
        init_pow (float): 0 starts as the data, 1 class-balanced; 0.1 for ImageNet-LT, 0.3 for Places-LT.
        lr (float): of Adam on w; 0.01 for CIFAR.
        temperature (float): of the draws' gradient.

    Attributes:
        weights (Tensor): w, (C,) float64.
        block (int): indices over all ranks that are drawn with one w; the hook sets the batch size.
    """

    block = 1024

    def __init__(self, dataset: Any, init_pow: float = 0.0, lr: float = 1e-3, temperature: float = 1.0, **kwargs):
        check_range(self, '(-inf, inf)', init_pow=init_pow)
        check_range(self, '(0, inf)', lr=lr, temperature=temperature)
        super().__init__(dataset, **kwargs)
        self.temperature = temperature
        self.weights = initial_weights(self.counts.double(), init_pow).requires_grad_()
        self.optimizer = torch.optim.Adam([self.weights], lr=lr)

    @property
    def class_probabilities(self):
        return class_log_rates(self.weights.detach(), self.counts.double()).softmax(0)

    def update(self, gradient: np.ndarray) -> None:
        """One step of Adam along the gradient (C,)."""
        self.weights.grad = torch.as_tensor(gradient, dtype=torch.float64).cpu()
        self.optimizer.step()

    def state_dict(self):
        """w and Adam's moments."""
        return deepcopy(dict(weights=self.weights.detach(), optimizer=self.optimizer.state_dict()))

    def load_state_dict(self, state: dict) -> None:
        """Go on from :meth:`state_dict`."""
        if state['weights'].shape != self.weights.shape:
            raise ValueError(f'the checkpoint has a MetaSampler of {len(state["weights"])} classes, the training set '
                             f'has {len(self.counts)}; resume with the data set it was trained on')
        self.weights.data.copy_(state['weights'])
        self.optimizer.load_state_dict(state['optimizer'])

    def __iter__(self):
        check_integer(self, 1, block=self.block)
        for start in range(0, self.total_size, self.block):
            first = (self.rank - start) % self.world_size
            yield from self._block(start)[first::self.world_size].tolist()

    def global_indices(self) -> torch.Tensor:
        """The current epoch's list over all ranks, (total_size,) int64, if w stays as it is now."""
        return torch.cat([self._block(start) for start in range(0, self.total_size, self.block)])

    def _block(self, start):
        generator = seeded_generator(self.seed, self.epoch, start // self.block)
        size = min(self.block, self.total_size - start)
        return drawn_indices(self.index, self.class_probabilities, size, generator)

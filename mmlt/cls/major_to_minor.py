"""M2m as a batch augment.  N images, C classes."""
import torch

from ..core.augment.m2m import draw_seeds, keep_probability, random_start, seed_probability, translate
from ..core.augment.mixup import CountsAugment, soft_labels
from ..core.checks import check_integer, check_range
from ..engine.access import evaluating
from ..engine.teacher import FrozenTeacher

__all__ = ['MajorToMinor']


class MajorToMinor(CountsAugment):
    """Replace tail images of a batch by head images of the same batch, translated to their class. Kim et al., M2m,
    CVPR 2020, arXiv:2004.00431.

    An image of class k is to be replaced with probability 1 - n_k / n_max. Its seed is drawn from the batch, by
    P = 1 - beta^(n_k0 - n_k), and moved until the frozen ``generator``, trained with plain cross entropy, takes it for
    class k, while the model in training, in eval mode, forgets the seed's class k0. It is used where the generator is
    sure, p >= gamma, and with probability P. Labels stay. For a second stage with class-balanced batches: 40 of 200
    epochs. Images are moved in [0, 1], before the normalisation.

    Args:
        generator (dict): ``dict(config=, checkpoint=)``, see :class:`mmlt.engine.teacher.FrozenTeacher`.
        beta (float): 0.999 for CIFAR of imbalance 100.
        lam (float): weight of the model's logit of the seed's class.
        gamma (float): 0.9 in the authors' commands, 0.99 is their code's default.
        step_size (float): length of a step.
        steps (int): their number.
        random_start (str, optional): ``'image'``, ``'code'`` or None, see :func:`mmlt.core.augment.m2m.random_start`.
        class_counts, seed: see :class:`CountsAugment`.

    Raises:
        ValueError: an argument out of its range; the generator does not fit.
        RuntimeError: the model has not been attached; ``ClassCountsHook`` does so.
    """

    teacher = None

    def __init__(self, generator, beta=0.999, lam=0.5, gamma=0.9, step_size=0.1, steps=10, random_start='image',
                 class_counts=None, seed=None):
        check_range(self, '(0, 1)', beta=beta)
        check_range(self, '[0, inf)', lam=lam)
        check_range(self, '[0, 1]', gamma=gamma)
        check_range(self, '(0, inf)', step_size=step_size)
        check_integer(self, 0, steps=steps)
        if random_start not in ('image', 'code', None):
            raise ValueError(f"MajorToMinor: random_start must be 'image', 'code' or None, got {random_start!r}")
        super().__init__(seed=seed, class_counts=class_counts)
        self.teacher = FrozenTeacher.build(generator)
        self.beta, self.gamma, self.random_start = beta, gamma, random_start
        self.walk = dict(lam=lam, step_size=step_size, steps=steps)
        self.student = None

    def derive(self):
        if self.teacher is not None:
            self.teacher.check(len(self.class_counts), self.class_counts)

    def attach(self, model):
        """Take the model that trains."""
        self.teacher.check(preprocessor=model.data_preprocessor)
        self.student = [model]  # in a list: no submodule

    def forward(self, inputs, one_hot):
        """inputs (N, 3, H, W), one_hot (N, C) -> inputs with some translated, float labels (N, C)."""
        if self.student is None:
            raise RuntimeError('MajorToMinor does not know the model; call attach(model) first, or add '
                               'dict(type="ClassCountsHook") to custom_hooks')
        labels = soft_labels(one_hot, inputs)
        counts, classes = self.label_counts(labels), labels.argmax(1)
        draws = torch.rand(3, len(inputs), dtype=torch.float64, generator=self.generator).to(counts)
        weights = seed_probability(counts[None], counts[:, None], self.beta)
        keep = keep_probability(self.class_counts.clamp(min=1))[classes]
        index = ((draws[0] >= keep) & (weights.amax(1) > 0)).nonzero().squeeze(1)
        if not len(index):
            return inputs, labels
        seeds = draw_seeds(weights[index], draws[1][index])
        images, sure = self.translated(inputs[seeds], classes[index], classes[seeds])
        accepted = (sure >= self.gamma) & (draws[2][index] < weights[index, seeds])
        inputs = inputs.clone()
        inputs[index[accepted]] = images[accepted].to(inputs.dtype)
        return inputs, labels

    def translated(self, inputs, targets, seeds):
        """Normalised seeds (M, 3, H, W), (M,), (M,) -> normalised images, p_g(k | image) (M,)."""
        model = self.student[0]
        preprocessor = model.data_preprocessor
        mean, std = (getattr(preprocessor, key, None) for key in ('mean', 'std'))
        mean, std = (0, 1) if mean is None else (mean / 255, std / 255)
        images = inputs * std + mean
        if self.random_start:
            noise = torch.rand(images.shape, generator=self.generator).to(images)
            images = random_start(images, noise, self.random_start)
        self.teacher(inputs[:1])  # moves it to the device
        with evaluating(model):
            images, sure = translate(
                images, targets, seeds, lambda x: self.teacher.model.forward((x - mean) / std).logits,
                lambda x: model((x - mean) / std, mode='tensor'), **self.walk)
        return (images - mean) / std, sure

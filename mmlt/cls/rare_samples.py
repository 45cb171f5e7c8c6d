"""RSG within a network.  N images, G new maps."""
from mmpretrain.models import ImageClassifier
from torch import nn

from ..core.augment.rare_samples import RareSampleGenerator
from ..core.checks import submodule
from .two_branches import last_block
from .views import labels_of


class RSGClassifier(ImageClassifier):
    """Before its last stage the network gets new maps of rare classes, made from those of frequent ones. Wang et al.,
    RSG, CVPR 2021, arXiv:2106.09859.

    The new maps count in the loss of the head as their classes' images do; they are made while :attr:`generate` is
    set, by ``StageSwitchHook(stages=[dict(begin=0.8, rare_samples=True)])``. At test this is an ``ImageClassifier``.
    Which parameters learn depends on the stage: over several GPUs set ``find_unused_parameters=True``.

    Args:
        backbone (dict): any of convolutions.
        generator (dict, optional): arguments of :class:`~mmlt.core.augment.rare_samples.RareSampleGenerator`.
        stage (str, optional): the path in the backbone of what reads the new maps, by default its last stage.
        **kwargs: of ``ImageClassifier``.

    Raises:
        ValueError: the stage does not exist or is none of convolutions; images that are mixed have no class.
    """

    generate = False

    def __init__(self, backbone, generator=None, stage=None, **kwargs):
        super().__init__(backbone, **kwargs)
        stage = stage or last_block(self.backbone, hint='stage=').rpartition('.')[0]
        reader = submodule(self.backbone, stage)
        channels = next((m.in_channels for m in reader.modules() if isinstance(m, nn.Conv2d)), None)
        if channels is None or isinstance(reader, nn.ModuleList):  # which nothing calls as a whole
            raise ValueError(f'RSGClassifier: {stage} of {type(self.backbone).__name__} is no stage of convolutions; '
                             'name one that reads maps with stage=')
        self.generator = RareSampleGenerator(channels, self.head.num_classes, **(generator or {}))
        self._labels = self._made = None
        reader.register_forward_pre_hook(self._generate)

    def loss(self, inputs, data_samples):
        if any('gt_score' in sample for sample in data_samples):
            raise ValueError('RSGClassifier needs a class of each image, mixed ones have none; take the augments out '
                             'of model.train_cfg')
        self._labels = labels_of(data_samples)
        try:
            feats = self.extract_feat(inputs)
        finally:
            self._labels = None
        (index, losses), self._made = self._made, None
        samples = [*data_samples, *(data_samples[i] for i in index)]
        return {**self.head.loss(feats, samples), **losses}

    def _generate(self, stage, args):
        if self._labels is None:
            return None
        maps, *self._made = self.generator(args[0], self._labels, self.generate)
        return maps, *args[1:]

"""Rotation pre-training.  N images of H x H.

The pretext task of Gidaris et al., ICLR 2018, arXiv:1803.07728, as the first run of self-supervised pre-training on
the same long-tailed images: Yang & Xu, NeurIPS 2020, arXiv:2006.07529.
"""
import torch
from mmpretrain.models import ImageClassifier

from ..core.checks import check_integer
from ..core.random import Draws


def rotate(images, turns):
    """(N, C, H, H), (N,) -> each image turned counter-clockwise by its number of quarter turns.

    >>> rotate(torch.tensor([[[[1., 2.], [3., 4.]]]]), torch.tensor([1])).flatten().tolist()
    [2.0, 4.0, 1.0, 3.0]
    """
    if images.shape[-1] != images.shape[-2]:
        raise ValueError(f'quarter turns need square images, got {tuple(images.shape[-2:])}; crop or resize them')
    quarters = torch.stack([images.rot90(k, (-2, -1)) for k in range(4)])
    return quarters[turns, torch.arange(len(images), device=images.device)]


class RotationPretrain(ImageClassifier):
    """Learn by how many quarter turns each image was turned; labels are not looked at.

    One turn an image, each of the four as often as any other up to one. (The authors permute four times the list 0 to 3
    and cut it to the batch, so that their batches are not exact.) ``load_from`` such a run loads the backbone into any
    recipe; leave the head out, whose classes are the turns. In validation images are turned too, in order.

    Args:
        backbone, neck, head: as of ``ImageClassifier``; the head has ``num_classes=4``.
        seed (int): of the turns.

    Raises:
        ValueError: a head of another number of classes; images that are not square.
    """

    def __init__(self, backbone, head, neck=None, seed=0, **kwargs):
        super().__init__(backbone=backbone, neck=neck, head=head, **kwargs)
        if self.head.num_classes != 4:
            raise ValueError(f'RotationPretrain tells four turns apart, the head has num_classes='
                             f'{self.head.num_classes}; set it to 4')
        check_integer(self, 0, seed=seed)
        self.draws = Draws(seed)

    def loss(self, inputs, data_samples):
        order = torch.randperm(len(inputs), generator=self.draws.generator('cpu'))
        turns = (torch.arange(len(inputs)) % 4)[order].to(inputs.device, non_blocking=True)
        return self.head.loss(self.extract_feat(rotate(inputs, turns)), _labelled(data_samples, turns))

    def predict(self, inputs, data_samples=None, **kwargs):
        turns = torch.arange(len(inputs), device=inputs.device) % 4
        return self.head.predict(self.extract_feat(rotate(inputs, turns)), _labelled(data_samples, turns))


def _labelled(data_samples, turns):
    """Copies of the data samples with the turns as labels."""
    samples = [sample.clone() for sample in data_samples]
    for sample, turn in zip(samples, turns):
        sample.set_gt_label(turn[None])
        if 'gt_score' in sample:
            del sample.gt_score
    return samples

"""ResNet-10, the small backbone of the ImageNet-LT tables. Liu et al., CVPR 2019, arXiv:1904.05160."""
from mmpretrain.models.backbones import ResNet
from mmpretrain.models.backbones.resnet import BasicBlock


class ResNet10(ResNet):
    """MMPretrain's ResNet with one basic block a stage; 512 features."""

    arch_settings = {10: (BasicBlock, (1, 1, 1, 1))}

    def __init__(self, depth=10, **kwargs):
        super().__init__(depth, **kwargs)

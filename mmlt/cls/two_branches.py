"""Two last blocks on a common trunk.  N images, D features."""
import copy

import torch
from mmengine.model import BaseModule
from torch import nn

from ..core.checks import submodule

GROUPS = nn.Sequential, nn.ModuleList


class TwinBlock(nn.Module):
    """Two blocks in the place of one. ``branch`` says who works: 0, 1, or None for both, one batch after the other;
    ``'split'`` gives each its half of the batch. The weights of a single block load into both."""

    def __init__(self, block):
        super().__init__()
        self.blocks = nn.ModuleList([block, copy.deepcopy(block)])
        self.branch = None
        self._register_load_state_dict_pre_hook(self._double)

    def forward(self, x, *args, **kwargs):
        if self.branch in (0, 1):
            return self.blocks[self.branch](x, *args, **kwargs)
        halves = x.chunk(2) if self.branch == 'split' else (x, x)
        return torch.cat([block(half, *args, **kwargs) for block, half in zip(self.blocks, halves)])

    @staticmethod
    def _double(state_dict, prefix, *args):
        single = [key for key in state_dict if key.startswith(prefix) and not key.startswith(f'{prefix}blocks.')]
        for key in single:
            value = state_dict.pop(key)
            for branch in (0, 1):
                state_dict[f'{prefix}blocks.{branch}.{key[len(prefix):]}'] = value


class TwoBranchBackbone(BaseModule):
    """Any backbone whose last block stands twice: (N, ...) -> a last map of 2 D channels, both branches of each image.

    Args:
        backbone (nn.Module): its last block is the last of the last ``Sequential`` or ``ModuleList``.
        block (str, optional): the path of the block, where that is another one, ``'layer4.2'``.

    Raises:
        ValueError: there is no such block.
    """

    def __init__(self, backbone, block=None):
        super().__init__()
        self.path = block or last_block(backbone)
        parent, _, name = self.path.rpartition('.')
        setattr(backbone.get_submodule(parent), name, TwinBlock(submodule(backbone, self.path)))
        self.backbone = backbone

    @property
    def block(self):
        return self.backbone.get_submodule(self.path)

    def branch(self, x, number):
        """(N, ...) -> the maps of branch 0 or 1; ``'split'``: of 0 on the first half, of 1 on the second."""
        self.block.branch = number
        try:
            return self.backbone(x)
        finally:
            self.block.branch = None

    def forward(self, x):
        *stages, y = self.branch(x, None)
        return (*stages, torch.cat(y.chunk(2), -1 if y.ndim == 3 else 1))


def last_block(backbone, hint='block='):
    """The path of the last block of the last stage; ``hint`` is the argument that can name another."""
    path, module, inside = [], backbone, False
    while True:
        children = list(module.named_children())
        groups = [name for name, child in children if isinstance(child, GROUPS) and len(child)]
        if isinstance(module, GROUPS):
            name, inside = children[-1][0], True
        elif not inside and groups:
            name = groups[-1]
        elif 'blocks' in groups:  # a stage with more than blocks, as Swin's
            name = 'blocks'
        elif not inside and len(children) == 1:  # a wrapper, as that of timm
            name = children[0][0]
        else:
            break
        path.append(name)
        module = module.get_submodule(name)
    if not inside or not any(True for _ in module.parameters()):
        raise ValueError(f'{type(backbone).__name__} does not end in a stage of blocks with weights; name one with '
                         f'{hint}')
    return '.'.join(path)

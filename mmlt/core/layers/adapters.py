"""Adapters: few parameters beside a frozen transformer.  N images, T tokens, D channels, L blocks, r bottleneck.

Modules are added to the model and reached by hooks, so every key of the base's checkpoint stays.
"""
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..checks import check_integer

__all__ = ['AdaptFormer', 'add_adapters', 'merge_adapters']

KINDS = ('adaptformer', 'lora', 'vpt-shallow', 'vpt-deep', 'bitfit', 'layernorm', 'none')


def auto_bottleneck(num_classes: int, depth: int) -> int:
    """LIFT's 2^max(0, floor(log2(C / 2L))), so that the adapters have about as many parameters as the classifier.

    >>> [auto_bottleneck(c, 12) for c in (100, 365, 1000, 8142)]
    [4, 8, 32, 256]
    """
    return 2 ** max(0, int(math.log2(num_classes / (2 * depth))))


class AdaptFormer(nn.Module):
    """(N, T, D) -> (N, T, D): ``scale * (U relu(D norm(x) + b) + b)`` beside a block's MLP; 0 at the start.

    Chen et al., NeurIPS 2022, arXiv:2205.13535, with LIFT's own layer norm and learnt scale (Shi et al., ICML 2024,
    arXiv:2309.10019).

    Args:
        dim (int): D.
        bottleneck (int | 'auto'): r; ``'auto'`` wants ``num_classes`` and ``depth``, see :func:`auto_bottleneck`.
        scale (float): where the learnt scale starts.

    Raises:
        ValueError: ``'auto'`` without ``num_classes`` and ``depth``, or a bottleneck below 1.
    """

    def __init__(self, dim: int, bottleneck: Any = 'auto', scale: float = 1.0, num_classes: int | None = None,
                 depth: Any = None):
        super().__init__()
        if bottleneck == 'auto':
            if not (num_classes and depth):
                raise ValueError("bottleneck='auto' follows from num_classes and depth; give both, or a number")
            bottleneck = auto_bottleneck(num_classes, depth)
        check_integer(self, 1, dim=dim, bottleneck=bottleneck)
        self.norm, self.down, self.up = nn.LayerNorm(dim), nn.Linear(dim, bottleneck), nn.Linear(bottleneck, dim)
        self.scale = nn.Parameter(torch.tensor(float(scale)))
        nn.init.kaiming_normal_(self.down.weight, a=math.sqrt(5))
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.up(self.down(self.norm(x)).relu())

    def attach(self, block: Any, norm: Any) -> None:
        """Add the adapter of what the block's second norm is given to what the block gives."""
        block.adapter = self
        norm.register_forward_pre_hook(self.keep)
        block.register_forward_hook(self.add)

    def keep(self, module: Any, args: Any) -> None:
        self.stream = args[0]

    def add(self, module: Any, args: Any, out: Tensor):
        stream, self.stream = self.stream, None
        return out + self(stream)


class LoRA(nn.Module):
    """(..., D) -> (..., E): ``alpha / r * B A x`` beside a linear layer; 0 at the start. Hu et al., ICLR 2022,
    arXiv:2106.09685."""

    def __init__(self, in_features: int, out_features: int, rank: int = 8, alpha: float = 8.0):
        super().__init__()
        check_integer(self, 1, rank=rank)
        self.down, self.up = nn.Linear(in_features, rank, bias=False), nn.Linear(rank, out_features, bias=False)
        self.factor = alpha / rank
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * self.up(self.down(x))

    def attach(self, linear: Any) -> None:
        linear.lora = self
        self.handle = linear.register_forward_hook(self.add)

    def add(self, module: Any, args: Any, out: Tensor):
        self.seen = True
        return out + self(args[0])

    @torch.no_grad()
    def merge(self, linear: Any) -> None:
        """Put the product into the layer's weight, and leave."""
        linear.weight += self.factor * self.up.weight @ self.down.weight
        self.handle.remove()
        del linear.lora


class Prompts(nn.Module):
    """Learnt tokens (P, D) after those of the image. Visual prompt tuning, Jia et al., ECCV 2022, arXiv:2203.12119:
    uniform at first, as a projection of the ``patch`` numbers of a patch would be by Xavier's rule."""

    def __init__(self, dim: int, patch: int, count: int = 10):
        super().__init__()
        check_integer(self, 1, count=count)
        self.tokens = nn.Parameter(torch.empty(count, dim).uniform_(-1, 1) * math.sqrt(6 / (patch + dim)))

    def join(self, module: Any, args: Any):
        """Before a block: the image's tokens and these."""
        x = args[0]
        return (torch.cat([x, self.tokens.to(x.dtype).expand(len(x), -1, -1)], 1), *args[1:])

    def leave(self, module: Any, args: Any, out: Tensor):
        """After a block: the image's tokens alone."""
        return out[:, :-len(self.tokens)]


def blocks_of(model: nn.Module) -> nn.ModuleList:
    """The transformer blocks of a ViT of timm (``blocks``) or MMPretrain (``layers``), wherever they lie.

    Raises:
        ValueError: there is no list of blocks with two norms and attention.
    """
    for name in ('blocks', 'layers'):
        for path, module in model.named_modules():
            if path.rpartition('.')[2] == name and isinstance(module, (nn.ModuleList, nn.Sequential)) and len(module) \
                    and all(second_norm(block) is not None and hasattr(block, 'attn') for block in module):
                return module  # type: ignore[return-value]
    raise ValueError(f'{type(model).__name__} has no blocks or layers, each with attn and a second norm (norm2 or '
                     'ln2), as the ViTs of timm and MMPretrain have; adapters want such a transformer')


def second_norm(block: Any):
    """The norm before a block's MLP, None without one."""
    return getattr(block, 'norm2', None) if hasattr(block, 'norm2') else getattr(block, 'ln2', None)


def add_adapters(model: nn.Module, kind: str = 'adaptformer', keep: Sequence[str] = ('head', 'fc'),
                 num_classes: int | None = None, **kwargs) -> nn.Module:
    """Freeze a ViT of timm or MMPretrain but for adapters and its classifier, in place.

    Args:
        model (nn.Module): ``vit_*``, ``deit*``, ``eva*`` or a CLIP image tower of timm, MMPretrain's
            ``VisionTransformer``, or whatever holds one.
        kind (str): ``'adaptformer'`` (``bottleneck``, ``scale``), ``'lora'`` (``rank``, ``alpha``; on every linear
            layer of the attention), ``'vpt-shallow'``, ``'vpt-deep'`` (``count`` tokens), ``'bitfit'`` (the biases
            train), ``'layernorm'`` (the norms train), or ``'none'`` (a linear probe).
        keep (sequence of str): parts of names of modules at the top that go on training.
        num_classes (int, optional): for ``bottleneck='auto'``.

    Returns:
        nn.Module: ``model``.

    Raises:
        ValueError: an unknown kind, a model without such blocks, one that has adapters already, or an attention that
            calls no linear layer, which LoRA would not reach.
    """
    if kind not in KINDS:
        raise ValueError(f'no adapter {kind!r}; choose one of {", ".join(KINDS)}')
    if getattr(model, 'adapter_kind', None):
        raise ValueError(f'{type(model).__name__} has adapters of kind {model.adapter_kind!r} already')
    blocks = blocks_of(model)
    model.requires_grad_(False)
    for name, child in model.named_children():
        if any(part in name for part in keep):
            child.requires_grad_(True)
    like, dim = next(blocks.parameters()), second_norm(blocks[0]).weight.numel()
    if kind == 'adaptformer':
        kwargs = dict(num_classes=num_classes, depth=len(blocks), **kwargs)
        for block in blocks:
            AdaptFormer(dim, **kwargs).to(like).attach(block, second_norm(block))
    elif kind == 'lora':
        _add_lora(blocks, dim, like, kwargs)
    elif kind.startswith('vpt'):
        patch = next((m.weight[0].numel() for m in model.modules() if isinstance(m, nn.Conv2d)), dim)
        for block in blocks if kind == 'vpt-deep' else blocks[:1]:
            block.prompts = Prompts(dim, patch, **kwargs).to(like)
            block.register_forward_pre_hook(block.prompts.join)
            (block if kind == 'vpt-deep' else blocks[-1]).register_forward_hook(block.prompts.leave)
    else:
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if (kind == 'bitfit' and name.endswith('bias')) or (
                        kind == 'layernorm' and isinstance(module, nn.LayerNorm)):
                    parameter.requires_grad_(True)
    model.adapter_kind = kind
    return model


def _add_lora(blocks, dim, like, kwargs):
    linears = [layer for block in blocks for layer in block.attn.modules() if isinstance(layer, nn.Linear)]
    for layer in linears:
        LoRA(layer.in_features, layer.out_features, **kwargs).to(like).attach(layer)
    with torch.no_grad():
        for block in blocks:
            block(torch.zeros(1, 2, dim, dtype=like.dtype, device=like.device))
    if not any(getattr(layer.lora, 'seen', False) for layer in linears):
        raise ValueError(f'{type(blocks[0].attn).__name__} calls no linear layer as a module; LoRA cannot reach it')
    for layer in linears:
        if not getattr(layer.lora, 'seen', False):  # its weight is used by itself
            layer.lora.handle.remove()
            del layer.lora


def merge_adapters(model: nn.Module) -> nn.Module:
    """Put LoRA into the weights it stands beside, in place: the model is then as fast as its base.

    Raises:
        ValueError: adapters of a kind that is no change of weights.
    """
    kind = getattr(model, 'adapter_kind', None)
    if kind != 'lora':
        raise ValueError(f'{kind!r} adapters are no change of weights; LoRA alone merges')
    for layer in list(model.modules()):
        if isinstance(getattr(layer, 'lora', None), LoRA):
            layer.lora.merge(layer)
    model.adapter_kind = None
    return model

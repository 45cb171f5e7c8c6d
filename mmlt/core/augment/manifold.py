"""Manifold mixup: mix the activations of a layer instead of the images.

N images, C classes. The labels are mixed where every batch augment mixes them, before the model runs; the activations
by a forward hook on the layer, once, in the forward that follows.
"""
from functools import partial

import torch
from torch import Tensor, nn

from ..checks import check_range, submodule
from ..private import recomputing
from .mixup import BatchAugment, mix, soft_labels


class ManifoldMixup(BatchAugment):
    """Mix the output of a layer, with one lambda ~ Beta(alpha, alpha) a batch, and the labels alike.

    Verma et al., Manifold Mixup: Better Representations by Interpolating Hidden States, ICML 2019, arXiv:1806.05236,
    draw the layer anew for each batch from a list with the input; Bag of Tricks (AAAI 2021) fixes one, by default the
    pooled features, ``layer='neck'`` in MMPretrain.

    The model's code and its checkpoints stay as they are. ``ClassCountsHook`` and ``StageSwitchHook`` call
    :meth:`attach`; a plain training loop does so itself. Evaluation, a second forward of the same batch and copies of
    the model run unmixed; a layer recomputed in the backward pass by activation checkpointing is mixed again, as
    before.

    Args:
        alpha (float): of the Beta distribution.
        layer (str or list[str]): path of a module that returns (N, ...) tensors, alone or in tuples and lists, or
            'input'. Of a list, one layer is drawn for each batch.
        seed (int, optional): see :class:`BatchAugment`.

    Raises:
        ValueError: alpha <= 0; at attach, no such layer; in the forward, an output without the batch dimension.
        TypeError: in the forward, an output of another type.
        RuntimeError: not attached, or the layer did not run after the labels of the last batch were mixed.

    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> augment = ManifoldMixup(layer=['input', '1'], seed=0).attach(model)
    >>> inputs, labels = augment(torch.rand(6, 4), torch.eye(2)[[0, 0, 0, 0, 1, 1]])
    >>> loss = torch.nn.functional.cross_entropy(model(inputs), labels)
    """

    def __init__(self, alpha: float = 1.0, layer: str = 'backbone.layer2', seed: int | None = None):
        check_range(self, '(0, inf)', alpha=alpha)
        super().__init__(seed=seed)
        self.alpha = alpha
        self.layers = [layer] if isinstance(layer, str) else list(layer)
        if not self.layers:
            raise ValueError("layer must name a module or 'input', got an empty list")
        self.model, self.handles, self.drawn = None, [], None

    def attach(self, model: nn.Module):
        """Put the hooks on ``model`` (the one inside a distributed wrapper) and take them off a former one."""
        modules = {path: submodule(model, path, "; 'input' mixes the images") for path in self.layers
                   if path != 'input'}
        for handle in self.handles:
            handle.remove()
        self.handles = [module.register_forward_hook(partial(self._mix, path)) for path, module in modules.items()]
        self.model, self.drawn = model, None
        return self

    def __call__(self, inputs: Tensor, one_hot: Tensor):
        """inputs (N, ...), one_hot (N, C) -> the inputs, mixed if the layer drawn is 'input'; soft labels (N, C)."""
        if self.model is None:
            raise RuntimeError('ManifoldMixup does not know the model; call attach(model) first, or add '
                               'dict(type="ClassCountsHook") to custom_hooks')
        labels = soft_labels(one_hot, inputs)
        drawn, self.drawn = self.drawn, None
        if drawn and not drawn['mixed']:
            raise RuntimeError(f'the labels of the last batch were mixed, but {drawn["path"]!r} did not run on it; '
                               'name a layer that every training forward runs')
        path = self.layers[int(torch.randint(len(self.layers), (), generator=self.generator))]
        lam, index = self.draw_beta(self.alpha).item(), self.draw_permutation(len(inputs), inputs.device)
        if path == 'input':
            inputs = mix(inputs, inputs[index], lam)
        else:
            self.drawn = dict(path=path, lam=lam, index=index, mixed=False)
        return inputs, mix(labels, labels[index], lam)

    def _mix(self, path, module, args, output):
        drawn = self.drawn
        if drawn is None or drawn['path'] != path or not self.model.training:
            return None
        if drawn['mixed'] and not recomputing():  # a second forward, not a recomputation
            self.drawn = None
            return None
        drawn['mixed'] = True
        return _mix_output(output, path, drawn['index'], drawn['lam'])


def _mix_output(output, path, index, lam):
    if isinstance(output, (tuple, list)):
        parts = [_mix_output(part, path, index, lam) for part in output]
        return getattr(output, '_make', type(output))(parts)
    if output is None or isinstance(output, (int, float)):
        return output
    if not isinstance(output, torch.Tensor):
        raise TypeError(f'{path!r} returns {type(output).__name__}; name a layer that returns tensors')
    if not output.ndim or len(output) != len(index):
        raise ValueError(f'{path!r} returns a tensor {tuple(output.shape)} for a batch of {len(index)} images; name a '
                         'layer whose output has the batch as its first dimension')
    return mix(output, output[index], lam)

"""The classifier of a first stage, and which second stages can follow it."""
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import nn

from ..core.layers import CosineLinear
from ..core.refit import METHODS, linear

FROM_FEATURES = ('crt', 'ncm')  # they start from the features alone


def joint_classifier(model, path):
    """The classifier at ``path``, as a layer of its own: linear, or a ``CosineLinear``.

    Raises:
        ValueError: what lies there is neither.
    """
    layer = model.get_submodule(path)
    weight, bias = getattr(layer, 'weight', None), getattr(layer, 'bias', None)
    if isinstance(layer, CosineLinear):
        return layer.eval().requires_grad_(False)
    if weight is not None and bias is not None and weight.ndim == 2:
        x = torch.linspace(-1, 1, 2 * weight.shape[1], device=weight.device).view(2, -1)
        with torch.no_grad():
            if torch.allclose(layer(x), F.linear(x, weight, bias), atol=1e-5):
                return linear(weight, bias)
    raise ValueError(f'{path} is {type(layer).__name__}; the second stages start from a linear classifier W x + b or a '
                     'CosineLinear')


def prior_loss(cfg, model):
    """The name of the loss that the first stage ended with, if it answers for the class prior; else None."""
    hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or [])]
    staged = [stage['loss'] for hook in hooks if hook and hook.get('type') == 'StageSwitchHook'
              for stage in [*hook.get('stages', ()), *(hook.get('schedule') or ())] if 'loss' in stage]
    loss = MODELS.get(staged[-1]['type']) if staged else getattr(getattr(model, 'head', model), 'loss_module', None)
    name = getattr(loss, '__name__', type(loss).__name__)
    return name if getattr(loss, 'corrects_prior', False) else None


def possible_methods(asked, joint, prior=None):
    """The second stages to run, in the usual order, and a sentence on those that are left out, or None.

    Args:
        asked (list[str], optional): by name; None for all that are possible.
        joint (nn.Module): the first stage's classifier.
        prior (str, optional): see :func:`prior_loss`.

    Raises:
        ValueError: one that was asked for is not possible.
    """
    reasons = {}
    if isinstance(joint, CosineLinear):
        reasons = dict.fromkeys(METHODS.keys() - set(FROM_FEATURES), 'they start from a linear classifier W x + b, the '
                                f'first stage has a CosineLinear; {" and ".join(FROM_FEATURES)} remain')
    if prior:
        reasons.setdefault('logit_adjust', f'the first stage was trained with {prior}, which corrects the class prior '
                           'already: it would be subtracted twice')
    left_out = [name for name in METHODS if name in reasons and (asked is None or name in asked)]
    sentence = f'not fitted: {", ".join(left_out)}; {reasons[left_out[0]]}' if left_out else None
    if left_out and asked is not None:
        raise ValueError(sentence)
    return [name for name in METHODS if name not in reasons and (asked is None or name in asked)], sentence


def saved_layer(layer, joint):
    """What a checkpoint and a config say of a fitted layer: its state, and ``to`` of ``SwapClassifier``, None where the
    model has such a layer already."""
    if layer is joint or (isinstance(layer, nn.Linear) and isinstance(joint, nn.Linear)):
        return layer.state_dict(), None
    if isinstance(layer, nn.Linear):  # with scales of 1 it is one, and takes the place of any layer
        return dict(layer.state_dict(), scales=torch.ones(layer.out_features)), dict(type='LWSLinear')
    arguments = {key: getattr(layer, key) for key in ('mode', 'embed_dim', 'scale') if hasattr(layer, key)}
    return layer.state_dict(), dict(type=type(layer).__name__, **arguments)

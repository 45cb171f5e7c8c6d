"""Zero-shot rows of a refit: text features, their prior taken out, and a fitted classifier beside them."""
import torch

from ...core.gla import estimate_prior
from ...core.layers import ZeroShotLinear
from ...core.text_head import read_text_head

CHUNK = 4096


def zero_shot(file, names, joint):
    """The zero-shot classifier of a file of ``tools/text_head.py``, over features of the width that ``joint`` reads.

    With the projection in the file it is CLIP's own; without, cosines with the back-projected texts.

    Raises:
        ValueError: text weights of another width or of other classes, or in another order.
    """
    saved = read_text_head(file, names)
    own = 'text' in saved
    width = len(saved['projection']) if own else saved['weight'].shape[1]
    if width != joint.in_features:
        raise ValueError(f'{file} is for features of width {width}, this backbone gives {joint.in_features}; write it '
                         'with the text tower of the same model')
    text = saved['text' if own else 'weight'].float()
    layer = ZeroShotLinear(width, len(text), text.shape[1] if own else None, saved.get('scale', 100.))
    layer.text.copy_(text)
    if own:
        layer.projection.copy_(saved['projection'])
    return with_linear(layer.to(joint.weight.device), 0., 0.)


def with_linear(layer, weight, bias):
    """A frozen copy of the zero-shot classifier, with this linear one beside it."""
    new = ZeroShotLinear(layer.in_features, layer.out_features, layer.embed_dim, layer.scale).to(layer.text.device)
    new.load_state_dict(layer.state_dict())
    with torch.no_grad():
        new.weight.copy_(torch.as_tensor(weight))
        new.bias.copy_(torch.as_tensor(bias))
    return new.eval().requires_grad_(False)


@torch.no_grad()
def text_rows(layer, train, joint, log_prior):
    """Classifiers by name: ``zero_shot``, ``zero_shot-gla`` (its prior out), ``ensemble`` (the sum of zero-shot and
    fitted logits), ``gla`` (the sum of both without their priors; Zhu et al., NeurIPS 2023, arXiv:2310.08106).

    Args:
        layer (ZeroShotLinear): of :func:`zero_shot`.
        train (Split): on whose labelled images the prior of the zero-shot model is estimated.
        joint (nn.Linear): trained by cross entropy on ``train``.
        log_prior (Tensor): (C,) of ``train``.
    """
    logits = joint.weight.new_empty(len(train.rows), layer.out_features)
    for rows, (x, _) in zip(logits.split(CHUNK), train.chunks(CHUNK)):
        rows.copy_(layer(x))
    own = estimate_prior(logits, train.y).log().to(joint.weight)
    log_prior = log_prior.to(joint.weight)
    return {'zero_shot': layer, 'zero_shot-gla': with_linear(layer, 0., -own),
            'ensemble': with_linear(layer, joint.weight, joint.bias),
            'gla': with_linear(layer, joint.weight, joint.bias - own - log_prior)}

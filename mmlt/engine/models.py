"""Models as configs."""
from mmengine.registry import MODELS

from ..core.swap import swap_classifier

__all__ = ['SwapClassifier']


def SwapClassifier(model, to, path=None, **kwargs):
    """Build a model and put another classifier layer into it, in time for the optimizer, DDP and EMA.

    Args:
        model (dict or nn.Module): any model config of MMPretrain, MMDetection, MMSegmentation or timm.
        to (dict): the layer, ``dict(type='CosineLinear', scale=16)``.
        path (str or sequence of str, optional): where the classifier lies: ``'head.fc'``, ``'head.layers.head'``
            (MMPretrain's ViT), ``'decode_head.conv_seg'``, ``'roi_head.bbox_head.fc_cls'``, ``'model.fc'``
            (``TimmClassifier``).
        **kwargs: defaults for the model config, as the runner's ``data_preprocessor``.

    Raises:
        ValueError, TypeError: see :func:`mmlt.core.swap.swap_classifier`.
    """
    to = dict(to)
    kind = to.pop('type')
    layer = MODELS.get(kind) if isinstance(kind, str) else kind
    if layer is None:
        raise ValueError(f'{kind!r} is not in the MODELS registry; a classifier layer was expected, as CosineLinear')
    if isinstance(model, dict):
        model = MODELS.build(model, default_args=kwargs)
    return swap_classifier(model, layer, path, **to)

"""LIFT: a frozen vision transformer, small adapters and a cosine classifier.  N images, V views, D features, C classes.

Shi et al., Long-Tail Learning with Foundation Model: Heavy Fine-Tuning Hurts, ICML 2024, arXiv:2309.10019.
"""
from pathlib import Path

import torch
from mmpretrain.models import ImageClassifier
from torch.nn import functional as F

from ..core.layers.adapters import add_adapters


class LIFTClassifier(ImageClassifier):
    """Any ViT of MMPretrain or timm (``TIMMBackbone`` with the neck ``ClassToken``), frozen but for adapters.

    The classifier starts from text features (``text_weights``), from class means (``FitClassifierHook``), or at
    random. Images that come as several views (N, V, 3, H, W), as ``FiveCrop`` makes them, are tested on all; their
    logits are averaged, as LIFT does (MMPretrain's ``AverageClsScoreTTA`` averages probabilities).

    Args:
        backbone, neck, head, **kwargs: of ``ImageClassifier``; the head's layer wants to be
            ``CosineLinear(scale=25)``.
        bottleneck (int | 'auto'): of AdaptFormer; ``'auto'`` is LIFT's 2^floor(log2(C / 2L)).
        adapter (str): ``'adaptformer'``, or another kind of :func:`~mmlt.core.layers.adapters.add_adapters`;
            ``'none'`` is a linear probe, ``'full'`` trains everything.
        adapter_cfg (dict, optional): its other arguments.
        text_weights (str, optional): file of ``tools/text_head.py`` with the classifier's start.
        classnames (sequence of str | str, optional): the class names in the order of the labels, or a file with one a
            line; they are compared with those in ``text_weights``.

    Raises:
        ValueError: a backbone without blocks; text weights of another width, of other classes, or in another order.
        FileNotFoundError: there is no file ``text_weights`` or ``classnames``.
    """

    def __init__(self, backbone, neck=None, head=None, bottleneck='auto', adapter='adaptformer', adapter_cfg=None,
                 text_weights=None, classnames=None, **kwargs):
        super().__init__(backbone, neck=neck, head=head, **kwargs)
        self.text = None if text_weights is None else self._read(text_weights, classnames)
        if adapter != 'full':
            cfg = dict(adapter_cfg or {})
            if adapter == 'adaptformer':
                cfg.update(bottleneck=bottleneck, num_classes=self.head.num_classes)
            add_adapters(self.backbone, adapter, keep=(), **cfg)

    def init_weights(self):
        super().init_weights()
        if self.text is not None:
            with torch.no_grad():
                self.head.fc.weight.copy_(self.text)

    def train(self, mode=True):
        """The frozen backbone's dropout and drop path stay off, as nothing there trains."""
        super().train(mode)
        if getattr(self.backbone, 'adapter_kind', None) is not None:
            for module in self.backbone.modules():
                if type(module).__name__ in ('Dropout', 'DropPath'):
                    module.training = False
        return self

    def predict(self, inputs, data_samples=None, **kwargs):
        """(N, 3, H, W) or (N, V, 3, H, W) -> data samples with scores."""
        if inputs.ndim == 4:
            return super().predict(inputs, data_samples, **kwargs)
        feats = self.extract_feat(inputs.flatten(0, 1))
        logits = self.head(feats).unflatten(0, inputs.shape[:2]).mean(1)
        return self.head._get_predictions(logits, data_samples)

    def _read(self, path, classnames):
        if not Path(path).is_file():
            raise FileNotFoundError(f'{path} is missing; write it with tools/text_head.py')
        saved = torch.load(path, map_location='cpu', weights_only=True)
        if not isinstance(saved, dict) or not {'weight', 'names'} <= saved.keys():
            raise ValueError(f'{path} has no weight and names; write it with tools/text_head.py')
        own = self.head.fc.weight
        if saved['weight'].shape != own.shape:
            raise ValueError(f'{path} has a weight of {tuple(saved["weight"].shape)}, the classifier '
                             f'{tuple(own.shape)}, (classes, width of the features); write it for these')
        if classnames is not None:
            names = Path(classnames).read_text().splitlines() if isinstance(classnames, str) else list(classnames)
            for c, (theirs, ours) in enumerate(zip(saved['names'], names, strict=False)):
                if theirs != ours:
                    raise ValueError(f'{path} has {theirs!r} as class {c}, the data {ours!r}; write it with the names '
                                     'in the order of the labels')
            if len(names) != len(saved['names']):
                raise ValueError(f'{path} has {len(saved["names"])} class names, the data {len(names)}')
        return F.normalize(saved['weight'].float(), dim=1)

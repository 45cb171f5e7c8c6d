"""LIFT: a frozen vision transformer, small adapters and a cosine classifier.  N images, V views, D features, C classes.

Shi et al., Long-Tail Learning with Foundation Model: Heavy Fine-Tuning Hurts, ICML 2024, arXiv:2309.10019.
"""
from pathlib import Path

import torch
from mmpretrain.models import ImageClassifier
from torch.nn import functional as F

from ..core.layers.adapters import add_adapters
from ..core.text_head import read_text_head


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
        with_cp (bool): keep no activations inside the blocks of a timm ViT, compute them again in the backward pass:
            less memory for a second forward pass.
        classnames (sequence of str | str, optional): the class names in the order of the labels, or a file with one a
            line; they are compared with those in ``text_weights``.

    Raises:
        ValueError: a backbone without blocks, or ``with_cp`` for one that is not timm's; text weights of another width,
            of other classes, or in another order.
        FileNotFoundError: there is no file ``text_weights`` or ``classnames``.
    """

    def __init__(self, backbone, neck=None, head=None, bottleneck='auto', adapter='adaptformer', adapter_cfg=None,
                 text_weights=None, classnames=None, with_cp=False, **kwargs):
        super().__init__(backbone, neck=neck, head=head, **kwargs)
        self.text = None if text_weights is None else self._read(text_weights, classnames)
        if adapter != 'full':
            cfg = dict(adapter_cfg or {})
            if adapter == 'adaptformer':
                cfg.update(bottleneck=bottleneck, num_classes=self.head.num_classes)
            add_adapters(self.backbone, adapter, keep=(), **cfg)
        if with_cp:
            model = next((m for m in self.backbone.modules() if hasattr(m, 'set_grad_checkpointing')), None)
            if model is None:
                raise ValueError(f'with_cp=True wants a backbone of timm, {type(self.backbone).__name__} has no '
                                 'gradient checkpointing')
            model.set_grad_checkpointing()

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

    def extract_feat(self, inputs, stage='neck'):
        """(N, 3, H, W) -> what ``ImageClassifier`` gives.

        Raises:
            ValueError: images smaller than a patch, or not of the size that a timm ViT was built for.
        """
        for module in self.backbone.modules():
            conv = getattr(module, 'proj', getattr(module, 'projection', None))
            if isinstance(conv, torch.nn.Conv2d) and conv.kernel_size == conv.stride:
                self._check_size(tuple(inputs.shape[-2:]), conv.kernel_size, module)
                break
        return super().extract_feat(inputs, stage)

    def _check_size(self, size, patch, embed):
        built = getattr(embed, 'img_size', None) if getattr(embed, 'strict_img_size', False) else None
        if size[0] < patch[0] or size[1] < patch[1]:
            raise ValueError(f'images of {size} pixels are smaller than a patch of {patch}; resize them in the '
                             'pipelines')
        if built is not None and tuple(built) != size:
            raise ValueError(f'images are {size} pixels, {type(self.backbone).__name__} was built for {tuple(built)}; '
                             f'resize them in the pipelines, or set model.backbone.img_size={size[0]}')

    def predict(self, inputs, data_samples=None, **kwargs):
        """(N, 3, H, W) or (N, V, 3, H, W) -> data samples with scores."""
        if inputs.ndim == 4:
            return super().predict(inputs, data_samples, **kwargs)
        feats = self.extract_feat(inputs.flatten(0, 1))
        logits = self.head(feats).unflatten(0, inputs.shape[:2]).mean(1)
        return self.head._get_predictions(logits, data_samples)

    def _read(self, path, classnames):
        if isinstance(classnames, str):
            classnames = Path(classnames).read_text().splitlines()
        saved, own = read_text_head(path, classnames), self.head.fc.weight
        if saved['weight'].shape != own.shape:
            raise ValueError(f'{path} has a weight of {tuple(saved["weight"].shape)}, the classifier '
                             f'{tuple(own.shape)}, (classes, width of the features); write it for these')
        return F.normalize(saved['weight'].float(), dim=1)

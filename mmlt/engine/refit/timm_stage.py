"""A first stage out of a backbone of timm and a folder of classes, without a config.  C classes, D features."""
import math

import torch
from mmengine.config import Config

from ...core.refit import fit, new_linear
from ..overlays import load
from ..timm_models import takes_image_size, timm_backbone
from .first_stage import FirstStage
from .folder import folder_splits


def timm_config(name, weights, data, out, image_size=None, share=0.2, seed=0, workers=0):
    """A whole config of the backbone under a linear classifier, over the folder; it trains with ``mmlt train``, too.

    Args:
        name, weights, image_size: of :func:`~mmlt.engine.timm_models.timm_backbone`.
        data, share, seed: of :func:`~mmlt.engine.refit.folder.folder_splits`.
        out (Path): the lists of the folder go to OUT/data.

    Raises:
        ValueError, FileNotFoundError: of these two.
    """
    import timm

    backbone = timm_backbone(name, weights, image_size)
    splits, classes = folder_splits(data, out / 'data', share, seed)
    settings = timm.data.resolve_model_data_config(backbone)
    size = image_size or settings['input_size'][-1]
    cfg = load('folder', options={'num_classes': len(classes), 'size': size}).to_dict()
    pipelines = dict(train=cfg['train_pipeline'], test=test_pipeline(settings, size))
    cfg['test_pipeline'] = pipelines['test']
    loading = dict(batch_size=32, num_workers=workers, persistent_workers=bool(workers),
                   collate_fn=dict(type='default_collate'))
    for split in ('train', 'val', 'test'):
        dataset = dict(splits.get(split) or splits['test'], pipeline=pipelines['train' if split == 'train' else 'test'])
        cfg[f'{split}_dataloader'].update(loading, dataset=dataset)
    mean, std = ([round(255 * x, 4) for x in settings[key]] for key in ('mean', 'std'))
    cfg['data_preprocessor'].update(num_classes=len(classes), mean=mean, std=std)
    own = dict(image_size=image_size) if image_size and takes_image_size(name) else {}
    cfg['model'] = dict(
        type='ImageClassifier', backbone=dict(type='TimmFeatures', name=name, weights=weights, **own),
        head=dict(type='LongTailClsHead', num_classes=len(classes), in_channels=backbone.num_features,
                  loss=dict(type='CrossEntropyLoss')))
    cfg['default_hooks']['load']['allow_missing'] = ['^backbone']  # those of ``weights`` stay
    return Config(cfg)


def test_pipeline(settings, size):
    """timm's evaluation transform in MMPretrain's words."""
    how = dict(interpolation=settings['interpolation'], backend='pillow')
    whole = settings.get('crop_mode') == 'squash'
    resize = [dict(type='Resize', scale=(size, size), **how)] if whole else [
        dict(type='ResizeEdge', scale=math.floor(size / settings['crop_pct']), edge='short', **how),
        dict(type='CenterCrop', crop_size=size)]
    return [dict(type='LoadImageFromFile'), *resize, dict(type='PackInputs')]


class TimmStage(FirstStage):
    """The backbone with a classifier of zeros until :meth:`fit_joint`; checkpoints hold the classifier alone."""

    def __init__(self, cfg, out, dtype='float32', progress=None, amp=False):
        head = cfg.model.head
        checkpoint = dict(state_dict={'head.fc.weight': torch.zeros(head.num_classes, head.in_channels),
                                      'head.fc.bias': torch.zeros(head.num_classes)})
        super().__init__(cfg, checkpoint, 'head.fc', out, dtype, ['^backbone'], progress, amp)

    @property
    def classes(self):
        """C names, in the order of the labels."""
        return self.cfg.train_dataloader.dataset.metainfo.classes

    def fit_joint(self, train, recipe):
        """Fit the joint classifier by cross entropy on the images as they are: a linear probe."""
        self.joint = fit(new_linear(self.joint, recipe.seed), train, recipe, lr=0.1, balanced=False)

"""CAM-based sampling in MMEngine's training: who makes the CAMs, and where they meet the batch.

N images of a batch, H x W pixels, C classes, D channels of the last map h x w.
"""
import copy

import torch

from ..core.augment.cam import CAMForeground, class_activation_map, resize_cam
from ..core.random import seeded_generator
from .access import give_counts, unwrap
from .cam_cache import compute_cams, on_all_ranks, publish_cams, read_cams
from .frozen import Frozen, digest
from .pipelines import leaf_datasets

NEEDS = 'CAM needs a convolutional backbone with global average pooling and one linear/cosine classifier'


class CAMTeacher(Frozen):
    """A frozen copy of an ``ImageClassifier``'s preprocessor, backbone and classifier weight.

    Raises:
        ValueError: there is no one weight (C, D) behind a pooling without parameters; the part is named.
    """

    def __init__(self, model):
        super().__init__()
        model = unwrap(model)
        weight = classifier_weight(model)
        self.data_preprocessor = copy.deepcopy(model.data_preprocessor)
        self.data_preprocessor.batch_augments = None
        self.backbone = copy.deepcopy(model.backbone)
        self.register_buffer('weight', weight.detach().clone())
        self.freeze()

    def forward(self, images, labels, amp=False):
        """Raw images (N, 3, H, W), labels (N,) -> CAMs (N, h, w) in [0, 1]. ``amp`` is a bool or autocast's dtype."""
        inputs = self.data_preprocessor(dict(inputs=images))['inputs']
        dtype = amp if isinstance(amp, torch.dtype) else None
        cudnn, benchmark = torch.backends.cudnn, torch.backends.cudnn.benchmark
        cudnn.benchmark = False  # the number of images differs from step to step, each would be tuned anew
        try:
            with torch.autocast(inputs.device.type, dtype=dtype, enabled=bool(amp)):
                features = self.backbone(inputs)
        finally:
            cudnn.benchmark = benchmark
        features = features[-1] if isinstance(features, (tuple, list)) else features
        if features.ndim != 4 or features.shape[1] != self.weight.shape[1]:
            raise ValueError(f'{NEEDS}; {type(self.backbone).__name__} gives features of shape {tuple(features.shape)} '
                             f'for a classifier weight of shape {tuple(self.weight.shape)}')
        cams = class_activation_map(features, self.weight, labels)
        if inputs.shape[2:] != images.shape[2:]:  # the preprocessor padded at the right and the bottom
            cams = resize_cam(cams, inputs.shape[2:])[:, :images.shape[2], :images.shape[3]]
        return cams


def classifier_weight(model):
    """The weight (C, D) behind a plain pooling, from which CAMs are made; a ValueError names what stands in the way."""
    head, neck = getattr(model, 'head', None), getattr(model, 'neck', None)
    layer = getattr(head, 'fc', None)
    weight = getattr(layer, 'weight', None)
    if getattr(model, 'backbone', None) is None or getattr(weight, 'ndim', 0) != 2:
        raise ValueError(f'{NEEDS}; {type(head or model).__name__} has no layer fc with a weight (C, D)')
    others = [name for name, _ in head.named_parameters() if not name.startswith(('fc.', 'loss_module.'))]
    if others:
        raise ValueError(f'{NEEDS}; {type(head).__name__} also has {others[0]}')
    if len(weight) != getattr(head, 'num_classes', len(weight)):
        raise ValueError(f'{NEEDS}; the weight of {type(head).__name__}.fc has {len(weight)} rows for '
                         f'{head.num_classes} classes')
    if neck is not None and any(True for _ in neck.parameters()):
        raise ValueError(f'{NEEDS}; the neck {type(neck).__name__} has parameters of its own')
    return weight


class CAMStage:
    """CAM-based sampling for one stage of a training. Not a module: nothing of it enters the model, EMA or DDP.

    At the beginning of the stage :meth:`snapshot` keeps the model as it stood at the end of the stage before. Then, for
    each raw batch, :meth:`apply` transforms the foreground of the chosen images. Online (the default), the snapshot
    makes the CAMs of the chosen images alone. With ``cached``, :meth:`cache` makes all CAMs in one pass, and
    :class:`~mmlt.engine.cam_cache.CAMPipeline` hands them over with the images; nothing is computed in training.

    Args:
        cfg (dict): arguments of :class:`CAMForeground`, ``cached=False``, and for the pass ``size=(H, W)``, by default
            that of the training crop.
        seed (int): the draws are those of (seed, epoch, iteration, rank).
    """

    def __init__(self, cfg=None, seed=0):
        cfg = dict(cfg or {})
        cfg.pop('type', None)
        self.cached, self.size, self.seed = cfg.pop('cached', False), cfg.pop('size', None), seed
        self.augment = CAMForeground(**cfg)
        self.teacher, self._state = None, {}

    def set_class_counts(self, counts):
        """Training counts (C,), which decide how often a class is transformed."""
        give_counts(self.augment, counts)

    def snapshot(self, model):
        """Keep a frozen copy of what makes CAMs; after :meth:`load_state_dict`, in the state that was loaded."""
        self.teacher = CAMTeacher(model)
        if self._state and not self.cached:
            self.teacher.load_state_dict(self._state)

    def cache(self, dataset, path, batch_size=128, num_workers=0, amp=False):
        """Have the CAMs of all training images in the file ``path``, on each rank, and drop the snapshot.

        They come from the loaded state, from ``path`` if it fits the snapshot and the data, or from one pass that the
        ranks share.
        """
        if self._state:
            key, cams = self._state['key'], self._state['cams']
        else:
            key = digest(self.teacher, [len(leaf) for leaf in leaf_datasets(dataset)], self.size, amp)
            cams = read_cams(path, key)
        images = [len(leaf) for leaf in leaf_datasets(dataset)]
        if cams is not None and (maps := [len(table) for table in cams]) != images:
            raise ValueError(f'there are CAMs of {maps} images, the training set has {images}; resume with the data '
                             f'set that the checkpoint was trained on, or delete {path}')
        if not on_all_ranks(cams is not None):
            cams = compute_cams(lambda *batch: self.teacher(*batch, amp=amp), dataset, self.size, batch_size,
                                num_workers, self.teacher.weight.device)
        self._state, self.teacher = dict(key=key, cams=publish_cams(path, key, cams)), None

    def apply(self, data_batch, model, epoch, iteration, rank=0, amp=False):
        """Transform the foregrounds in MMEngine's raw batch, ``dict(inputs, data_samples)``, in place of the dict."""
        samples, inputs = data_batch['data_samples'], data_batch['inputs']
        labels = torch.cat([sample.gt_label for sample in samples])
        if len(labels) != len(samples):
            raise ValueError(f'{len(labels)} labels for {len(samples)} images; CAM-based sampling needs one an image')
        maps = [self._pop_cam(sample) for sample in samples] if self.cached else None
        generator = seeded_generator(self.seed, epoch, iteration, rank)
        chosen = self.augment.choose(labels, generator).nonzero()[:, 0]
        if not len(chosen):
            return
        device = next(model.parameters()).device
        stacked = torch.is_tensor(inputs)
        images = inputs[chosen] if stacked else torch.stack([inputs[i] for i in chosen])
        images = images.to(device, non_blocking=True)
        if self.cached:
            maps = torch.stack([maps[i] for i in chosen]).to(device, non_blocking=True)
        else:
            maps = self.teacher(images, labels[chosen].to(device, non_blocking=True), amp)
        images = self.augment.transform(images, maps, generator)
        if stacked:
            where = chosen.to(device, non_blocking=True)
            data_batch['inputs'] = inputs.to(device, non_blocking=True).index_copy(0, where, images)
        else:
            moved = dict(zip(chosen.tolist(), images))
            data_batch['inputs'] = [moved.get(i, image) for i, image in enumerate(inputs)]

    @staticmethod
    def _pop_cam(sample):
        if 'cam' not in sample:
            raise ValueError('the data sample has no CAM; with cached=True the stage\'s pipeline must be a CAMPipeline')
        return sample.pop('cam')

    def state_dict(self):
        """What resuming within the stage needs: the snapshot's weights, or the cached CAMs."""
        return self._state if self.cached or not self.teacher else self.teacher.state_dict()

    def load_state_dict(self, state):
        """Take a saved state; :meth:`snapshot` and :meth:`cache` then use it. An empty one changes nothing."""
        self._state = state
        if state and self.teacher and not self.cached:
            self.teacher.load_state_dict(state)

"""CAMs of a whole training set: computed once, kept in one file, carried through the data pipeline.

M images of an innermost data set ("leaf"), one uint8 map h x w each, in feature resolution.
"""
import copy
import os
import pickle

import cv2
import numpy as np
import torch
from mmengine.dist import all_reduce, barrier, get_rank, get_world_size
from rich.progress import track
from torch.utils.data import DataLoader, Subset

from ..core.files import checksum, replacing
from .pipelines import leaf_datasets

GEOMETRIC = {'Resize', 'ResizeEdge', 'RandomResize', 'RandomChoiceResize', 'RandomCrop', 'RandomResizedCrop',
             'EfficientNetRandomCrop', 'CenterCrop', 'EfficientNetCenterCrop', 'RandomFlip', 'Pad'}
PIXELWISE = {'LoadImageFromFile', 'ColorJitter', 'Lighting', 'RandomGrayscale', 'RandomErasing', 'Cutout',
             'GaussianBlur', 'AutoContrast', 'Brightness', 'ColorTransform', 'Contrast', 'Equalize', 'Invert',
             'Posterize', 'Sharpness', 'Solarize', 'SolarizeAdd', 'Normalize', 'PackInputs'}


def moves_pixels(transform) -> bool:
    """True if a CAM must take part in a transform of the image. No transform says so of itself, hence the two lists of
    names, of MMCV's and MMPretrain's transforms of which it is tested.

    Raises:
        ValueError: a transform in neither list.
    """
    name = type(transform).__name__
    if name not in GEOMETRIC | PIXELWISE:
        raise ValueError(f'a cached CAM cannot follow {name}; use the online form, cam=dict(cached=False), or leave '
                         'this transform out of the stage\'s pipeline')
    return name in GEOMETRIC


class CAMPipeline:
    """A data pipeline that also hands over the image's CAM, as the field ``cam`` (uint8, H x W) of the data sample.

    Each geometric transform runs a second time, on the CAM, with the random parameters that the image got; padding is 0
    there. The image itself and the framework's random stream are as without. An image is found by ``sample_idx``, which
    MMEngine's data sets give to their pipeline whatever is wrapped around them.

    Args:
        pipeline: has ``transforms``, as MMEngine's ``Compose``.
        cams (str or Tensor): the file of :meth:`CAMStage.cache`, which is opened on first use, so that it may be
            written while loader workers already run; or maps (M, h, w).
        leaf (int): place of the data set in ``leaf_datasets(dataset)``, which chooses the maps in the file.

    Raises:
        ValueError: a transform of which it is unknown whether it moves pixels.
    """

    def __init__(self, pipeline, cams, leaf=0):
        self.transforms, self.cams, self.leaf = pipeline.transforms, cams, leaf
        self.steps = [(t, None) if not moves_pixels(t) else _twins(t) for t in self.transforms]

    def __call__(self, results):
        cam = self._map(results)
        for transform, twin in self.steps:
            if twin is not None:
                cam = _enlarge(cam, results['img'].shape)
                twin._cache.clear()
            results = transform(results)
            if twin is not None:
                cam = twin(dict(img=cam))['img']
            if results is None:
                return None
        cam = _enlarge(cam, results['inputs'].shape[1:])
        results['data_samples'].cam = torch.from_numpy(np.ascontiguousarray(cam))
        return results

    def _map(self, results):
        if 'sample_idx' not in results:
            raise ValueError('the data set gives no sample_idx to its pipeline, so that its CAMs cannot be found; '
                             'derive it from MMEngine\'s BaseDataset, or use the online form, cam=dict(cached=False)')
        if not torch.is_tensor(self.cams):
            self.cams = _load(self.cams)['cams'][self.leaf]
        return self.cams[results['sample_idx']].numpy()


def _twins(transform):
    """Two copies of a transform that share what MMCV's ``cache_randomness`` keeps: for the image, for the CAM.

    This is MMCV's private state, for want of a public way: its context manager ``cache_random_params`` refuses
    RandomResizedCrop, whose subclass registers a method twice. What the second one pads is background.

    Raises:
        RuntimeError: this MMCV does not draw from that state.
    """
    pair, shared = (copy.copy(transform), copy.copy(transform)), {}
    for copied in (*pair, probe := _probe()):
        copied._cache_enabled, copied._cache = True, shared
    if probe.draw() is not shared.get('draw'):
        raise RuntimeError('this MMCV keeps random parameters elsewhere than a cached CAM looks for them; use the '
                           'online form, cam=dict(cached=False), and report it')
    if hasattr(transform, 'pad_val'):
        pair[1].pad_val = dict(img=0) if isinstance(transform.pad_val, dict) else 0
    return pair


def _probe():
    from mmcv.transforms.utils import cache_randomness  # MMCV may be what is importing this module

    class Probe:

        @cache_randomness
        def draw(self):
            return object()

    return Probe()


def _enlarge(cam, shape):
    """(h, w) -> (H, W), the first two of ``shape``."""
    height, width = shape[:2]
    return cam if cam.shape == (height, width) else cv2.resize(cam, (width, height), interpolation=cv2.INTER_LINEAR)


class CAMView:
    """The pipeline of the pass: the whole image as stored, resized to ``size`` (H, W), and whose it is."""

    def __init__(self, transforms, leaf, size=None):
        self.loaders = [t for t in transforms if type(t).__name__.startswith('Load')]
        self.leaf, self.size = leaf, size

    def __call__(self, results):
        index = results['sample_idx']
        for load in self.loaders:
            results = load(results)
        image = results['img']
        image = image[..., None] if image.ndim == 2 else image
        if self.size is not None and image.shape[:2] != self.size:
            image = cv2.resize(image, self.size[::-1]).reshape(*self.size, -1)
        return torch.from_numpy(image.transpose(2, 0, 1).copy()), int(results['gt_label']), self.leaf, index


def crop_size(transforms):
    """(H, W) that the last crop of a training pipeline gives, or None."""
    for transform in reversed(transforms):
        name = type(transform).__name__
        size = getattr(transform, {'RandomResizedCrop': 'scale', 'EfficientNetRandomCrop': 'scale',
                                   'RandomCrop': 'crop_size', 'CenterCrop': 'crop_size',
                                   'EfficientNetCenterCrop': 'crop_size'}.get(name, ''), None)
        if size is not None:
            return (size, size) if isinstance(size, int) else tuple(size[::-1] if name == 'CenterCrop' else size)


def compute_cams(teacher, dataset, size, batch_size, num_workers, device):
    """One pass over a data set, shared by the ranks: a uint8 tensor (M, h, w) for each leaf, 0 for what is not used.

    Args:
        teacher (callable): raw images (N, 3, H, W), labels (N,) on ``device`` -> CAMs (N, h, w) in [0, 1].
        size (tuple, optional): (H, W) of the images the teacher sees; by default that of the training crop, and if
            there is none, of the first image.
    """
    leaves, world = leaf_datasets(dataset), get_world_size()
    pipelines = [leaf.pipeline for leaf in leaves]
    size = size or crop_size(pipelines[0].transforms)
    mine = [i % len(dataset) for i in range(get_rank(), -(-len(dataset) // world) * world, world)]
    tables = None
    try:
        if size is None:
            leaves[0].pipeline = CAMView(pipelines[0].transforms, 0)
            size = leaves[0][0][0].shape[1:]
        for k, (leaf, pipeline) in enumerate(zip(leaves, pipelines)):
            leaf.pipeline = CAMView(pipeline.transforms, k, tuple(size))
        loader = DataLoader(Subset(dataset, mine), batch_size, num_workers=num_workers)
        for images, labels, which, index in track(loader, 'CAMs of the training set', disable=get_rank() > 0):
            cams = (teacher(images.to(device), labels.to(device)) * 255).round().to(torch.uint8).cpu()
            if tables is None:
                tables = [torch.zeros(len(leaf), *cams.shape[1:], dtype=torch.uint8) for leaf in leaves]
            for k in which.unique().tolist():
                tables[k][index[which == k]] = cams[which == k]
    finally:
        for leaf, pipeline in zip(leaves, pipelines):
            leaf.pipeline = pipeline
    for table in tables:
        all_reduce(table, 'max')
    return tables


def read_cams(path, key):
    """The maps in the file ``path``, or None if it is missing, holds those of another ``key``, or its checksum says
    that they are not what was written."""
    try:
        data = _load(path)
        return data['cams'] if data['key'] == key and data['sum'] == _sum(data['cams']) else None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, pickle.UnpicklingError):
        return None


def publish_cams(path, key, cams):
    """Write the maps to ``path`` unless these are there, once a machine, and open them there on each rank."""
    if int(os.environ.get('LOCAL_RANK', get_rank())) == 0:
        there, total = read_cams(path, key), _sum(cams)
        if there is None or _sum(there) != total:
            with replacing(path) as part:
                torch.save(dict(key=key, cams=[table.clone() for table in cams], sum=total), part)
    barrier()
    return _load(path)['cams']


def _sum(cams):
    return checksum([np.array([table.shape for table in cams]), *(table.numpy() for table in cams)])


def _load(path):
    return torch.load(path, map_location='cpu', mmap=True, weights_only=True)


def on_all_ranks(found):
    """True if ``found`` is, on each rank."""
    votes = torch.tensor(float(found))
    all_reduce(votes, 'min')
    return bool(votes)

"""A loader that keeps the whole data set on the training device.  M images, B of a batch, C x H x W pixels."""
import numpy as np
import torch
from mmengine.dataset import Compose
from torch.utils.data import BatchSampler, DataLoader

from ..core.dist import rank_and_world_size
from ..data.batched import apply, compile_transforms, count, uniforms
from .pipelines import NumberedPipeline, StagedPipeline, leaf_datasets
from .positions import Position


class FastLoader(DataLoader):
    """Batches as the given loader makes them, from one uint8 tensor (M, C, H, W) on ``device``.

    The data set's pipelines are read once: what is not random runs when the images are loaded, the random transforms
    run on the batch, with the draws of (seed, epoch, position), so that an epoch does not depend on the process, the
    number of ranks, or whether the run was resumed. Pipelines that change later (stages, cached CAMs) are read again.

    Args:
        loader (DataLoader): whose data set, batch sampler and collate function to take; its workers never start.
        seed (int): of the draws.
        device: where the images lie.

    Raises:
        ValueError: a transform without a batched form, images of several sizes, or more bytes than ``max_bytes``.
    """

    max_bytes = 16 * 2 ** 30

    def __init__(self, loader, seed=0, device='cpu'):
        batches = loader.batch_sampler
        plain = type(batches) is BatchSampler and batches.sampler is loader.sampler
        how = dict(batch_size=batches.batch_size, sampler=loader.sampler, drop_last=batches.drop_last) if plain else \
            dict(batch_sampler=batches)
        super().__init__(loader.dataset, collate_fn=loader.collate_fn, **how)
        self.seed, self.device = seed, torch.device(device)
        self._read, self._images, self._passes = None, None, 0
        self.check()

    def check(self):
        """Read every pipeline that the data set will have; see Raises."""
        for leaf in leaf_datasets(self.dataset):
            for pipeline in _all(leaf.pipeline):
                _compile(pipeline)

    def like(self, dataset, sampler, batch_size, seed):
        """A loader with other draws of the same images, for partners, or of other ones: whole batches alone."""
        loader = FastLoader(DataLoader(dataset, batch_size, sampler=sampler, drop_last=True,
                                       collate_fn=self.collate_fn), seed, self.device)
        if dataset is self.dataset:
            self._load()
            loader._share(self)
        return loader

    def __iter__(self):
        self._load()
        seed, epoch = self.seed, getattr(self.batch_sampler.sampler, 'epoch', self._passes)
        self._passes += 1
        (rank, world), begin = rank_and_world_size(), 0
        for indices in self.batch_sampler:
            positions = rank + world * np.arange(begin, begin + len(indices))
            begin += len(indices)
            if isinstance(indices[0], Position):  # a run resumed within an epoch begins later
                (seed, epoch, _), positions = indices[0].key, np.array([index.key[2] for index in indices])
            yield self.batch(indices, uniforms(seed, epoch, positions, self._draws))

    def batch(self, indices, draws):
        """``dict(inputs, data_samples)`` of the images at ``indices`` with the draws (B, P)."""
        index = torch.as_tensor(indices)
        draws = torch.from_numpy(draws)
        samples = [_fresh(self._samples[i]) for i in indices]
        if self._cams is not None:
            for sample, cam in zip(samples, apply(self._ops, self._cams[index].unsqueeze(1), draws, 0)[:, 0]):
                sample.cam = cam
        images = apply(self._ops, self._images[index.to(self.device, non_blocking=True)], draws)
        size = tuple(images[0].shape[-2:])
        for sample in samples:
            if sample.get('img_shape', size) != size:
                sample.set_metainfo(dict(img_shape=size))
        return dict(inputs=images, data_samples=samples)

    def _load(self):
        """Read the images, unless the pipelines are those that were read last."""
        leaves = leaf_datasets(self.dataset)
        pipelines = [_active(leaf.pipeline) for leaf in leaves]
        if self._read is not None and all(a is b for a, b in zip(self._read, pipelines)):
            return
        parts = [_compile(pipeline) for pipeline in pipelines]
        if len({repr(list(pipeline.transforms)) for pipeline in pipelines}) > 1:
            raise ValueError('FastLoader needs one pipeline; the inner data sets have several')
        kept = [leaf.pipeline for leaf in leaves]
        try:
            for leaf, pipeline, (fixed, _, pack) in zip(leaves, pipelines, parts):
                once = Compose([*fixed, pack])
                cached = hasattr(pipeline, 'cams')
                once = type(pipeline)(once, pipeline.cams, pipeline.leaf) if cached else once
                numbered = isinstance(leaf.pipeline, NumberedPipeline)
                leaf.pipeline = NumberedPipeline(once, leaf.pipeline.first) if numbered else once
            items = [self.dataset[i] for i in range(len(self.dataset))]
        finally:
            for leaf, pipeline in zip(leaves, kept):
                leaf.pipeline = pipeline
        self._samples = [item['data_samples'] for item in items]
        self._cams = torch.stack([s.pop('cam') for s in self._samples]) if 'cam' in self._samples[0] else None
        self._samples = [sample.to(self.device) for sample in self._samples]  # once, not in every batch
        self._images = self._stack([item['inputs'] for item in items])
        self._ops = parts[0][1]
        self._draws, self._read = count(self._ops), pipelines

    def _stack(self, images):
        shapes = {tuple(image.shape) for image in images}
        if len(shapes) > 1:
            raise ValueError(f'FastLoader needs images of one size, found {len(shapes)}, as {sorted(shapes)[:2]}; '
                             "begin the pipeline with dict(type='Resize', scale=(W, H))")
        size = len(images) * images[0].numel()
        if size > self.max_bytes:
            raise ValueError(f'{len(images)} images of {next(iter(shapes))} take {size / 2 ** 30:.0f} GiB, FastLoader '
                             f'keeps at most {self.max_bytes / 2 ** 30:.0f}; leave FastLoaderHook out')
        return torch.stack(images).to(self.device)

    def _share(self, other):
        self._read, self._images, self._samples, self._cams, self._ops, self._draws = (
            other._read, other._images, other._samples, other._cams, other._ops, other._draws)


def _fresh(sample):
    """``sample.new()`` without its deep copies, which took two thirds of a batch's time: fields of its own, that share
    their values."""
    fresh = object.__new__(type(sample))
    fresh.__dict__.update(sample.__dict__)
    for fields in ('_metainfo_fields', '_data_fields'):
        fresh.__dict__[fields] = set(sample.__dict__[fields])
    return fresh


def _all(pipeline):
    pipeline = pipeline.pipeline if isinstance(pipeline, NumberedPipeline) else pipeline
    return pipeline.pipelines if isinstance(pipeline, StagedPipeline) else [pipeline]


def _active(pipeline):
    pipeline = pipeline.pipeline if isinstance(pipeline, NumberedPipeline) else pipeline
    return pipeline.pipelines[int(pipeline.stage)] if isinstance(pipeline, StagedPipeline) else pipeline


def _compile(pipeline):
    transforms = getattr(pipeline, 'transforms', None)
    try:
        if transforms is None:
            raise ValueError(type(pipeline).__name__)
        fixed, ops, pack = compile_transforms(transforms)
        if pack is None:
            raise ValueError('a pipeline without PackInputs')
        if hasattr(pipeline, 'cams') and not all(op.follows for op in ops):
            raise ValueError('a transform that a cached CAM would have to follow')
    except ValueError as error:
        raise ValueError(f'FastLoader has no batched form of {error}; take it out of the pipeline, or leave '
                         'FastLoaderHook out') from None
    return fixed, ops, pack

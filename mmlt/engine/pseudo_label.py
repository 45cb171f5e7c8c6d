"""Label an unlabelled set with a trained model.  N images, C classes."""
import hashlib
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import DATASETS, MODELS
from torch.utils.data import DataLoader

from ..core.files import save_npz
from ..core.pseudo import crest_rates, select
from .features import eval_dataset, pipeline_of
from .frozen import digest
from .load import check_fit, read_checkpoint, saved_counts

IMAGES = '.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp'


def unlabelled_set(source, pipeline):
    """Config of the images in a folder, a text file with one path a line, or an ``.npz`` (its ``train_images``)."""
    if isinstance(source, dict):
        return eval_dataset(source, pipeline)
    path = Path(source)
    if path.suffix == '.npz':
        return dict(type='NpzImages', ann_file=str(path), pipeline=pipeline)
    load = [] if any(step['type'] == 'LoadImageFromFile' for step in pipeline) else [dict(type='LoadImageFromFile')]
    common = dict(type='CustomDataset', with_label=False, pipeline=[*load, *pipeline])
    if path.is_dir():
        return dict(common, data_root=str(path), extensions=IMAGES)
    if not path.is_file():
        raise FileNotFoundError(f'no unlabelled set {source}; expected a folder of images, a list of paths or an .npz')
    return dict(common, ann_file=str(path), data_root=str(path.parent))


def predict_set(model, dataset, batch_size=256):
    """Softmax scores of a model in eval mode, (N, C) float32."""
    device = next(model.parameters()).device
    scores = []
    loader = DataLoader(dataset, batch_size, collate_fn=_collate)
    with torch.no_grad():
        for batch in loader:
            data = model.data_preprocessor(batch, training=False)
            logits = model(data['inputs'].to(device), mode='tensor')
            scores.append((logits[0] if isinstance(logits, (tuple, list)) else logits).float().softmax(1).cpu())
    return torch.cat(scores)


def _collate(records):
    return dict(inputs=[record['inputs'] for record in records],
                data_samples=[record['data_samples'] for record in records])


def image_keys(dataset):
    """A hash of each image's bytes, N strings."""
    keys = []
    for i in range(len(dataset)):
        record = dataset.get_data_info(i)
        data = record['img'].tobytes() if 'img' in record else Path(record['img_path']).read_bytes()
        keys.append(hashlib.md5(data, usedforsecurity=False).hexdigest())
    return keys


def shared_images(unlabelled, test):
    """How many images of one set are, byte for byte, in the other."""
    known = set(image_keys(test))
    return sum(key in known for key in image_keys(unlabelled))


def label_set(cfg, checkpoint, source, out, rates=None, alpha=3.0, threshold=0.0, trust=False, allow_missing=(),
              log=print, counts=None):
    """Write the labels of an unlabelled set, see :func:`mmlt.data.datasets.pseudo.read_pseudo_labels`.

    Args:
        cfg (Config): of the model.
        checkpoint (str): its weights; EMA weights where there are some.
        source: a folder, a list, an ``.npz`` or the config of a data set.
        out (str): the file, written whole or not at all.
        rates (str, optional): ``'crest'`` adds each class at its own rate, None every image.
        alpha (float): of ``'crest'``.
        threshold (float): only images of at least this confidence are added.
        trust, allow_missing: see :mod:`mmlt.engine.load`.
        counts (Tensor, optional): labelled counts (C,), which the rates follow; by default those of the checkpoint.

    Returns:
        dict: the arrays of the file.

    Raises:
        ValueError: the weights do not fit; ``'crest'`` without class counts in the checkpoint.
    """
    saved = read_checkpoint(checkpoint, trust=trust)
    model = MODELS.build(cfg.model, default_args=dict(data_preprocessor=cfg.get('data_preprocessor')))
    check_fit(model, saved.get('state_dict', saved), allow_missing)
    model.eval()
    dataset = DATASETS.build(unlabelled_set(source, pipeline_of(cfg.test_dataloader.dataset)))
    test = DATASETS.build(cfg.test_dataloader.dataset)
    scores = predict_set(model, dataset).numpy()
    labels, confidences = scores.argmax(1), scores.max(1)
    for key in ('labelled_counts', 'class_counts'):
        counts = saved_counts(saved, key) if counts is None else counts
    classes = (saved.get('meta', {}).get('dataset_meta') or {}).get('classes') or test.metainfo.get('classes')
    share = np.ones(scores.shape[1])
    if rates == 'crest':
        if counts is None:
            raise ValueError(f'{checkpoint} holds no class counts, which the rates follow; train it with '
                             'ClassCountsHook')
        share = crest_rates(counts.double(), alpha).numpy()
    added = select(labels, confidences, share)
    added = added[confidences[added] >= threshold]
    overlap = shared_images(dataset, test)
    if overlap:
        log(f'warning: {overlap} of the {len(dataset)} unlabelled images are test images; results on the test set '
            'would mean nothing. Take them out')
    arrays = dict(labels=labels.astype(np.int64), confidences=confidences, added=added, rates=share,
                  sha256=digest(model), classes=np.array(list(classes or map(str, range(len(share))))))
    save_npz(out, **arrays)
    for c, name in enumerate(arrays['classes']):
        have = '' if counts is None else f', {int(counts[c])} labelled'
        log(f'{name}: {int((labels[added] == c).sum())} of {int((labels == c).sum())} added{have}')
    return arrays



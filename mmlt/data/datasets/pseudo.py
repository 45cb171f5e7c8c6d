"""PseudoLabels: an unlabelled set with the labels that a model gave it."""
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...registry import build

KEYS = 'labels', 'confidences', 'added', 'rates', 'sha256', 'classes'


def read_pseudo_labels(file: str):
    """The arrays of a file that ``tools/pseudo_label.py`` wrote: ``labels`` (N,), ``confidences`` (N,), ``added`` (M,)
    indices, ``rates`` (C,), ``sha256`` of the model, ``classes``.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no such file.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(f'no pseudo-labels {file}; write them with tools/pseudo_label.py')
    try:
        with np.load(file, allow_pickle=False) as pack:
            arrays = {key: pack[key] for key in KEYS}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f'{file} holds no pseudo-labels, or was truncated ({error}); write it again with '
                         'tools/pseudo_label.py') from None
    return arrays


class PseudoLabels:
    """The images of an unlabelled set that a file labels. With the labelled set in a ``ConcatDataset`` the class counts
    include them, as in Yang & Xu, NeurIPS 2020, arXiv:2006.07529; many, medium and few stay those of the labelled set.

    Args:
        dataset (dict or object): the unlabelled set; labels that it may have are not read.
        file (str): see :func:`read_pseudo_labels`.
        sha256 (str, optional): the model whose labels these must be, or the beginning of its hash.
        pipeline (list[dict], optional): in place of the inner set's.

    Raises:
        FileNotFoundError, ValueError: no file; one of another set, class order or model.
    """

    by_model = True  # the labels

    def __init__(self, dataset: Any, file: str, sha256: str | None = None, pipeline: Any = None):
        dataset = dict(dataset, pipeline=pipeline) if isinstance(dataset, dict) and pipeline else dataset
        self.dataset = build('DATASETS', dataset) if isinstance(dataset, dict) else dataset
        arrays = read_pseudo_labels(file)
        if len(arrays['labels']) != len(self.dataset):
            raise ValueError(f'{file} has labels of {len(arrays["labels"])} images, the unlabelled set '
                             f'{len(self.dataset)}; write it again for this set')
        saved, own = arrays['classes'].tolist(), list(self.metainfo.get('classes') or ())
        if own and own != saved:
            raise ValueError(f'{file} is of the classes {saved[:3]}..., the data set has {own[:3]}...; give both the '
                             'same classes in the same order')
        if sha256 is not None and not str(arrays['sha256']).startswith(sha256):
            raise ValueError(f'{file} was written by the model {str(arrays["sha256"])[:12]}, expected {sha256[:12]}; '
                             'label again with that model')
        self.indices, self.classes = arrays['added'], tuple(saved)
        self.labels = self.mmlt_labels = arrays['labels'][self.indices]

    def full_init(self):
        """The inner set is loaded."""

    def get_gt_labels(self):
        """Labels (M,) int64."""
        return self.labels

    def get_cat_ids(self, idx: int):
        """``[label]`` of the record ``idx``."""
        return [int(self.labels[idx])]

    def get_data_info(self, idx: int):
        """The inner set's annotation with the pseudo-label."""
        return dict(self.dataset.get_data_info(int(self.indices[idx])), gt_label=int(self.labels[idx]))

    def __getitem__(self, idx):
        return self.dataset.pipeline(self.get_data_info(idx))

    def __len__(self):
        return len(self.indices)

    @property
    def metainfo(self):
        """Meta information of the inner set, with the classes of the labels."""
        inner = dict(getattr(self.dataset, 'metainfo', None) or {})
        return dict(inner, classes=inner.get('classes') or getattr(self, 'classes', None))

    @property
    def pipeline(self):
        """The inner set's pipeline."""
        return self.dataset.pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Any) -> None:
        self.dataset.pipeline = pipeline

"""What the report page needs from a run: its last predictions and how it was made."""
import datetime
import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import collect_results, get_world_size
from mmengine.hooks import Hook

from ...core.files import save_npz, write_text
from ...data.labels import Ragged, labels_of
from ..access import unwrap

PACKAGES = ('torch', 'torchvision', 'numpy', 'timm', 'onedl-mmengine', 'mmengine', 'onedl-mmpretrain', 'mmpretrain')
TOP = 5


class RecordHook(Hook):
    """Write ``predictions.npz`` after every validation or test, and ``run.json`` when training begins.

    The arrays of ``predictions.npz``: ``label`` (N,), ``top`` (N, K) classes from the likeliest on, ``score`` (N, K)
    their probabilities, ``label_score`` (N,) that of the true class, ``classes`` (C,) names; ``class_counts`` (C,),
    ``many`` and ``few`` where a ``LongTailMetric`` has them. Models without ``pred_score`` (detectors, segmentors)
    leave none.

    Args:
        predictions (str, optional): where to write them; default ``WORK_DIR/predictions.npz``.
    """
    priority = 'VERY_LOW'

    def __init__(self, predictions=None):
        self.path, self.rows = predictions, []

    def before_train(self, runner):
        if runner.rank == 0:
            write_text(Path(runner.work_dir) / 'run.json', json.dumps(describe(runner), indent=1))

    def before_val_epoch(self, runner):
        self.rows = []

    before_test_epoch = before_val_epoch

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        samples = [sample for sample in outputs or [] if 'pred_score' in sample and 'gt_label' in sample]
        samples = [sample for sample in samples if sample.get('gt_label').numel() == 1]
        if samples:
            scores = torch.stack([sample.get('pred_score').detach().float() for sample in samples])
            labels = torch.cat([sample.get('gt_label').view(1) for sample in samples]).to(scores.device)
            score, top = scores.topk(min(TOP, scores.shape[1]))
            own = scores.gather(1, labels[:, None])[:, 0]
            self.rows += zip(*(part.cpu().numpy() for part in (labels, top, score, own)))

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner, metrics=None):
        self._write(runner, runner.val_loop)

    def after_test_epoch(self, runner, metrics=None):
        self._write(runner, runner.test_loop)

    def _write(self, runner, loop):
        rows = collect_results(self.rows, len(loop.dataloader.dataset))
        self.rows = []
        if not rows:
            return
        label, top, score, own = (np.stack(column) for column in zip(*rows))
        info = getattr(loop.dataloader.dataset, 'metainfo', None) or {}
        extra, names = {}, list(info.get('classes') or [])
        for metric in loop.evaluator.metrics:
            if getattr(metric, 'class_counts', None) is not None and hasattr(metric, 'few'):
                extra.update(class_counts=metric.class_counts.long().numpy(), many=metric.many, few=metric.few)
        if len(extra.get('class_counts', names)) != len(names):
            names = []  # those of a pretext task, as turns, have none
        extra['classes'] = np.array(names, str)
        save_predictions(self.path or Path(runner.work_dir) / 'predictions.npz', label, top, score, own, **extra)


def save_predictions(path, label, top, score, label_score, **extra):
    """Write the file that :class:`RecordHook` describes; never seen half-written."""
    small = np.int16 if top.max(initial=0) < 2 ** 15 else np.int32
    save_npz(path, label=label.astype(small), top=top.astype(small), score=score.astype(np.float32),
             label_score=label_score.astype(np.float32), **extra)


def describe(runner):
    """Seed, commit, versions, machine and data of a run, as plain values."""
    model = unwrap(runner.model)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    versions = {'python': platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(seed=runner.seed, command=' '.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
                started=datetime.datetime.now().isoformat(timespec='seconds'), commit=commit(), versions=versions,
                machine=f'{platform.system()} {platform.release()}, {os.cpu_count()} CPU cores, {device}',
                processes=get_world_size(), parameters=sum(p.numel() for p in model.parameters()),
                data={name: digest(loader) for name, loader in (('train', runner.train_dataloader),
                                                                ('val', getattr(runner.val_loop, 'dataloader', None)))
                      if loader is not None})


def digest(loader):
    """Number of images and SHA-256 of the labels in their order; None where there is not one label an image."""
    try:
        labels = labels_of(loader.dataset)
    except TypeError:
        return None
    if isinstance(labels, Ragged):
        return None
    return dict(images=len(labels), labels_sha256=hashlib.sha256(np.asarray(labels, '<i8').tobytes()).hexdigest())


def commit():
    """The commit of this package's checkout, '' where it is none."""
    try:
        command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--dirty', '--abbrev=12']
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout.strip() if done.returncode == 0 else ''

"""Generations of self-training. CReST: Wei et al., CVPR 2021, arXiv:2102.09559.  C classes."""
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner

from mmlt.core.files import write_text
from mmlt.core.pseudo import alignment_temperature
from mmlt.data.datasets.pseudo import read_pseudo_labels
from mmlt.data.labels import class_counts
from mmlt.engine.checkpoints import newest_checkpoint
from mmlt.engine.features import eval_dataset, pipeline_of
from mmlt.engine.pseudo_label import label_set, unlabelled_set


def run_generations(cfg, source, generations=6, alpha=3.0, t_min=0.5, log=print):
    """Train, label, add the surest labels of rare classes to the labelled set, and train anew, ``generations`` times.

    A generation lies in ``<work_dir>/generation_<g>``: its run, and ``labels.npz`` and ``result.json`` when it is over.
    Whatever was killed goes on from there: a run from its newest checkpoint, a finished generation is not repeated.
    Labels are added to the labelled set, not to those of the generation before.

    Args:
        cfg (Config): with ``work_dir``; its training set is the labelled one.
        source: the unlabelled images, see :func:`mmlt.engine.pseudo_label.unlabelled_set`.
        generations (int): models that are trained; 6 in the authors' runs.
        alpha (float): rates are (n_opposite / n_max)^(1 / alpha).
        t_min (float): of CReST+, where the model is a ``FixMatchClassifier`` with ``align``.

    Returns:
        list[dict]: metrics and ``added`` (C,) of each generation; ``added`` is what was trained on.
    """
    if generations < 1:
        raise ValueError(f'generations={generations}, expected 1 or more')
    root, results, labelled = Path(cfg.work_dir), [], _labelled_counts(cfg)
    for g in range(generations):
        folder = root / f'generation_{g}'
        if not (folder / 'result.json').exists():
            before = root / f'generation_{g - 1}/labels.npz' if g else None
            result = _generation(cfg, source, folder, before, alignment_temperature(g, generations, t_min), labelled)
            label_set(Config(cfg.to_dict()), newest_checkpoint(folder), source, folder / 'labels.npz', 'crest', alpha,
                      log=lambda line: None, counts=labelled)
            write_text(folder / 'result.json', json.dumps(result))
        results.append(json.loads((folder / 'result.json').read_text()))
        log(f'generation {g}: ' + ', '.join(f'{k} {v:.2f}' for k, v in results[-1].items() if k.startswith('lt/')))
    return results


def _labelled_counts(cfg):
    """(C,) of the labelled set, which rates and alignment follow in every generation, whatever labels were added."""
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(copy.deepcopy(cfg.train_dataloader.dataset))
    return torch.from_numpy(class_counts(dataset, cfg.model.get('head', {}).get('num_classes')))


def _generation(cfg, source, folder, labels, t, labelled):
    cfg = copy.deepcopy(cfg)
    cfg.work_dir, cfg.experiment_name = str(folder), f'{folder.name}_{time.time_ns()}'
    added = []
    if labels is not None:
        arrays = read_pseudo_labels(labels)
        added = np.bincount(arrays['labels'][arrays['added']], minlength=len(arrays['rates'])).tolist()
        own = cfg.train_dataloader.dataset
        inner = unlabelled_set(source, pipeline_of(own))
        extra = dict(type='PseudoLabels', dataset=eval_dataset(inner, pipeline_of(own)), file=str(labels))
        cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[own, extra])
    if cfg.model.get('align') is not None:
        cfg.model.align.t, cfg.model.class_counts = t, labelled.tolist()
    newest = newest_checkpoint(folder)
    cfg.resume, cfg.load_from = newest is not None, str(newest) if newest else None
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    runner, last = Runner.from_cfg(cfg), LastMetrics()
    runner.register_hook(last)
    runner.train()
    if last.metrics is None:
        runner.val_loop.run()  # resumed after the last epoch
    metrics = {key: float(value) for key, value in last.metrics.items() if key.startswith('lt/')}
    return dict(metrics, added=added)


class LastMetrics(Hook):
    """``metrics`` of this process's last validation, None before it."""

    metrics = None

    def after_val_epoch(self, runner, metrics=None):
        self.metrics = metrics



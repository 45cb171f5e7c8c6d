"""The model of a first stage: features of any data set, and checkpoints with another classifier in it."""
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config

from ...core.files import save_whole
from ...core.refit import as_split
from ..features import eval_dataset, extract_features, load_model, pipeline_of
from ..joint import joint_classifier, saved_layer


def dataset_config(cfg, name):
    """The config of a data set by the name of its loader (train, val, test) or by a key of the config."""
    node = cfg.to_dict()
    for key in (f'{name}_dataloader' if f'{name}_dataloader' in cfg else name).split('.'):
        if not isinstance(node, dict) or key not in node:
            keys = [key.removesuffix('_dataloader') for key in cfg if key.endswith('_dataloader')]
            raise ValueError(f'the config has no data set {name!r}; give one of {keys} or a key of the config')
        node = node[key]
    return node if 'type' in node else node['dataset']


def bound_config(cfg, data):
    """The config of a balanced training set: a .npz, a config's, or a key of this config."""
    if data.endswith('.npz'):
        return dict(type='NpzImages', ann_file=str(Path(data).resolve()), split='train')
    return dataset_config(Config.fromfile(data), 'train') if data.endswith('.py') else dataset_config(cfg, data)


def metric_settings(cfg):
    """The borders and bins of the config's ``LongTailMetric``."""
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, (list, tuple)) else [cfg.test_evaluator]
    metric = next((e for e in evaluators if e.get('type') == 'LongTailMetric'), {})
    return {key: metric[key] for key in ('many', 'few', 'bins') if key in metric}


class FirstStage:
    """A trained model whose classifier is to be replaced.

    Args:
        cfg (Config): a whole config.
        checkpoint (dict): what ``read_checkpoint`` gives.
        path (str): where the classifier lies, ``'head.fc'``.
        out (Path): the features lie in OUT/features.
        dtype (str): of the features on the disk.
        amp (bool): pass the images in bfloat16 on a CPU, float16 on a GPU.
        allow_missing (sequence[str]): see :func:`~mmlt.engine.features.load_model`.
        progress (callable, optional): ``progress(name)`` is a context that gives ``extract_features`` its ``progress``.
    """

    def __init__(self, cfg, checkpoint, path, out, dtype='float32', allow_missing=(), progress: Callable | None = None,
                 amp=False):
        self.cfg, self.checkpoint, self.path, self.out, self.dtype = cfg, checkpoint, path, Path(out), dtype
        self.progress, self.amp = progress, amp
        state = checkpoint.get('state_dict', checkpoint)
        self.state = {name.removeprefix('module.'): value for name, value in state.items()}
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.model = load_model(cfg, self.state, path, allow_missing).to(device)
        self.joint = joint_classifier(self.model, path)
        self.pipeline = pipeline_of(dataset_config(cfg, 'test'))

    @property
    def classes(self):
        """The names that MMEngine stored with the checkpoint (C,), or none."""
        names = (self.checkpoint.get('meta', {}).get('dataset_meta') or {}).get('classes') or ()
        return list(names) if len(names) == self.joint.out_features else []

    def split(self, name, dataset):
        """Features and labels of a data set."""
        depends = self.cfg.model, self.cfg.get('data_preprocessor'), *(['amp'] if self.amp else [])
        device = self.joint.weight.device
        with self.progress(name) as progress, torch.autocast(device.type, enabled=self.amp):
            features, labels = extract_features(
                self.model, self.path, eval_dataset(dataset, self.pipeline), self.cfg.test_dataloader,
                self.out / 'features' / name, depends, self.dtype, progress=progress)
            progress(len(labels), len(labels))
        features = torch.as_tensor(features).to(device)
        return as_split(features, labels, self.joint.out_features, name)

    def save(self, name, layer, class_counts):
        """OUT/name/config.py and checkpoint.pth."""
        out = self.out / name
        out.mkdir(parents=True, exist_ok=True)
        state = {key: value for key, value in self.state.items() if not key.startswith(f'{self.path}.')}
        own, to = saved_layer(layer, self.joint)
        state.update({f'{self.path}.{key}': value.cpu() for key, value in own.items()})
        meta = dict(self.checkpoint.get('meta', {}), class_counts=class_counts.tolist())
        save_whole(out / 'checkpoint.pth', dict(meta=meta, state_dict=state))
        cfg = Config(self.cfg.to_dict())
        cfg.merge_from_dict(dict(load_from=None, resume=False, work_dir=str(out)))
        cfg.model.get('head', {}).pop('logit_adjust', None)
        if to is not None:
            cfg.model = dict(type='SwapClassifier', model=cfg.model, path=self.path, to=to)
        cfg.dump(out / 'config.py')

"""The runs of a sweep and their files.

A run, one config (with its overlays) and one seed, has the folder OUT/<name>/seed_<s>:
    settings.json   what is trained there, written before the training starts
    result.json     the same with the metrics of the last validation: the run is finished
    log.txt         what the training printed
"""
import hashlib
import json
from itertools import zip_longest
from pathlib import Path

from mmengine.config import Config

from mmlt.core.files import write_whole
from mmlt.engine.checkpoints import checkpoint_number, newest_checkpoint
from mmlt.engine.hooks import StageSwitchHook
from mmlt.engine.overlays import find_config, load, run_name


def find_configs(galleries):
    """The config files in folders (those that do not begin with _) and the files given themselves.

    Raises:
        FileNotFoundError: no such config.
        ValueError: nothing in a folder, or two files of one name, which would share a folder.
    """
    configs = {}
    for gallery in map(Path, galleries):
        found = sorted(p for p in gallery.glob('*.py') if p.name[0] != '_') if gallery.is_dir() else [
            find_config(gallery)]
        if not found:
            raise ValueError(f'no config in {gallery}')
        for path in found:
            if configs.setdefault(path.stem, path).resolve() != path.resolve():
                raise ValueError(f'{configs[path.stem]} and {path} have one name; sweep them into two --out folders')
    return list(configs.values())


def load_config(path, options=None, overlays=()):
    """The plain dict of a training config with ``overlays`` and ``options`` (dotted keys) in it.

    Raises:
        ValueError: it lacks what a sweep needs, or an overlay does not fit it.
    """
    if overlays:
        cfg = load(path, *overlays, options=options)
    else:
        cfg = Config.fromfile(path, import_custom_modules=False)
        cfg.merge_from_dict(options or {})
    missing = [key for key in ('model', 'train_dataloader', 'train_cfg', 'val_dataloader') if not cfg.get(key)]
    if missing:
        raise ValueError(f'{path} has no {", ".join(missing)}')
    cfg = cfg.to_dict()
    cfg.pop('work_dir', None)
    return cfg


class Run:
    """One config, with its overlays, trained with one seed.

    Args:
        path (str): the config file.
        cfg (dict): of :func:`load_config`.
        seed (int): of the run.
        out (str): folder of all runs.
        amp (bool): mixed precision.
        cfg_options (list[str]): key=value, as on the command line.
        overlays (list[str]): files.
        point (list[str]): those of the options, key=value, that tell this run from others of the sweep.
    """

    def __init__(self, path, cfg, seed, out, amp=False, cfg_options=(), overlays=(), point=()):
        self.path, self.overlays, self.seed = Path(path), [str(overlay) for overlay in overlays], seed
        varied = [option.rpartition('.')[2].replace('/', '-') for option in point]
        self.name = '_'.join([run_name(path, cfg, overlays), *varied])
        self.folder = Path(out) / self.name / f'seed_{seed}'
        self.cfg_options = [*cfg_options, *point]
        dataset = cfg['train_dataloader'].get('dataset') or {}
        method = '+'.join(Path(overlay).stem for overlay in self.overlays) or (
            'ce' if self.name.startswith('ce_') else self.path.stem)
        self.settings = dict(
            config=str(path), overlays=self.overlays, hash=_digest(cfg, seed, amp), seed=seed, amp=amp,
            cfg_options=self.cfg_options, point=list(point), method=method, data=cfg.get('data_name'),
            imbalance=dataset.get('imbalance'))
        self.end = cfg['train_cfg'].get('max_epochs') or cfg['train_cfg'].get('max_iters') or 0
        self.base, self.stages = _split_stages(cfg, seed, amp)

    def __str__(self):
        return f'{self.name} seed {self.seed}'

    def result(self):
        """The content of result.json, None if the run is not finished."""
        return read_result(self.folder, self.settings['hash'])

    def is_own(self):
        """True if the folder holds this run and not one of an older config."""
        return self.saved('settings.json') is not None

    def saved(self, name):
        """The content of settings.json or result.json; None if missing, damaged, or of another config."""
        return _read(self.folder / name, self.settings['hash'])

    def write(self, name, **more):
        """Write settings.json or result.json: all or nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / name, (json.dumps(dict(self.settings, **more), indent=1) + '\n').encode())

    def set_aside(self):
        """Rename the folder of an older config; returns its new name, None if there is nothing."""
        if self.is_own() or not self.folder.exists():
            return None
        n = next(n for n in range(1, 10**6) if not self.folder.with_name(f'{self.folder.name}.old{n}').exists())
        return self.folder.rename(self.folder.with_name(f'{self.folder.name}.old{n}'))

    def scalars(self, since=0, last=None):
        """What the training logged, one dict a line, in files changed after the time ``since``; of the ``last`` bytes
        of the newest file if given."""
        files = [path for path in sorted(self.folder.glob('*/vis_data/scalars.json')) if path.stat().st_mtime >= since]
        for path in files[-1:] if last else files:
            with open(path, 'rb') as file:
                file.seek(max(0, path.stat().st_size - (last or 10**12)))
                for line in file.read().splitlines():
                    try:
                        scalars = json.loads(line)
                    except (ValueError, RecursionError):
                        continue  # cut, or the process was killed while it wrote
                    if isinstance(scalars, dict):
                        yield scalars

    def validation(self, since=None):
        """Metrics of the validation after the last epoch; with ``since``, for a process that began then and ended
        well, of its last one, whichever epoch it followed. None without."""
        last = None
        for scalars in self.scalars(since or 0):
            if 'iter' not in scalars and any('/' in key for key in scalars):
                last = scalars
        step = last and last.get('step')
        if last is None or (since is None and not (isinstance(step, (int, float)) and step >= self.end)):
            return None
        return {key: value for key, value in last.items() if '/' in key and isinstance(value, (int, float))}

    def checkpoint(self):
        """(number, path) of the newest complete checkpoint from which something is left to train, or (0, None).

        That of the last epoch is left out: a run resumed from it would end without the last validation.
        """
        path = newest_checkpoint(self.folder, below=self.end)
        return (checkpoint_number(path), path) if path else (0, None)

    def progress(self, since=0):
        """The epoch (or iteration) that was last logged, or 0."""
        steps = [line.get('epoch', line['iter']) for line in self.scalars(since, last=4096) if 'iter' in line]
        return steps[-1] if steps and isinstance(steps[-1], (int, float)) else 0

    def prefix(self, epochs):
        """The checkpoint that :class:`~mmlt.engine.hooks.PrefixCheckpointHook` wrote after so many epochs."""
        return self.folder / f'prefix_{epochs}.pth'

    def common_epochs(self, other):
        """Epochs that both runs train alike and from which they may go on apart; 0 for none, or for equal configs."""
        if self.base is None or self.base != other.base:
            return 0
        begins = [min(stage['begin'] for stage in pair if stage)
                  for pair in zip_longest(self.stages, other.stages) if pair[0] != pair[1]]
        return begins[0] if begins and begins[0] < self.end else 0


def read_result(folder, hash=None):
    """The result.json in the folder of a run (whose settings have this hash), None if the run is not finished."""
    saved = _read(Path(folder) / 'result.json', hash)
    metrics = saved and saved.get('metrics')
    good = isinstance(metrics, dict) and metrics and all(isinstance(v, (int, float)) for v in metrics.values())
    return saved if good else None


def _read(file, hash):
    try:
        saved = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return saved if isinstance(saved, dict) and hash in (None, saved.get('hash')) else None


def _digest(*parts):
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=repr).encode()).hexdigest()[:16]


def _split_stages(cfg, seed, amp):
    """Digest of everything but the stages, and the stages; None and [] for a run that cannot share its epochs."""
    named, custom = cfg.get('default_hooks') or {}, cfg.get('custom_hooks') or []
    hooks = [*named.values(), *custom]
    staged = [hook for hook in hooks if hook and hook.get('type') == 'StageSwitchHook']
    best = any(hook and hook.get('save_best') for hook in hooks)  # its file belongs to one run
    if len(staged) > 1 or best or not cfg['train_cfg'].get('max_epochs'):
        return None, []
    rest = dict(cfg, default_hooks={key: hook for key, hook in named.items() if hook not in staged},
                custom_hooks=[hook for hook in custom if hook not in staged])
    return _digest(rest, seed, amp), _stages(staged[0], cfg) if staged else []


def _stages(hook, cfg):
    hook = StageSwitchHook(**{key: value for key, value in hook.items() if key not in ('type', 'priority')})
    return hook.plan.resolve(cfg['train_cfg']['max_epochs']).stages

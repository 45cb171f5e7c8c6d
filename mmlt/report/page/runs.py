"""Where a report's numbers come from: work dirs, sweeps, refit folders, files of predictions.  C classes."""
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..classifier import find_classifier
from .predictions import Predictions, read_predictions
from .results import read_results
from .schedule import stages_of

# they differ between the seeds of one recipe
OWN = ('work_dir', 'randomness', 'load_from', 'resume', 'launcher')
DEPTH = 3


@dataclass
class Run:
    """One training, or the predictions of one model."""
    name: str
    folder: Path = None
    predictions: Predictions = None
    logged: dict = field(default_factory=dict)
    method: str = None  # of a file of results, with the seed that it names
    number: int = None

    @cached_property
    def scalars(self):
        """What was logged, one dict a line, of all starts of the run."""
        lines = []
        for path in sorted(self.folder.glob('*/vis_data/scalars.json')) if self.folder else []:
            for line in path.read_text(errors='replace').splitlines():
                try:
                    values = json.loads(line)
                except ValueError:
                    continue  # cut off when the process was killed
                if isinstance(values, dict):
                    lines.append(values)
        return lines

    @cached_property
    def config_file(self):
        if self.folder is None:
            return None
        files = [*sorted(self.folder.glob('*/vis_data/config.py'))[::-1], self.folder / 'config.py',
                 *sorted(self.folder.glob('*.py'))]
        return next((file for file in files if file.is_file()), None)

    @cached_property
    def config(self):
        """The training config as a plain dict, {} without one."""
        from mmengine.config import Config
        try:
            return Config.fromfile(self.config_file, import_custom_modules=False).to_dict() if self.config_file else {}
        except Exception:  # a config is code
            return {}

    @cached_property
    def record(self):
        """The content of run.json."""
        try:
            return json.loads((self.folder / 'run.json').read_text()) if self.folder else {}
        except (OSError, ValueError):
            return {}

    @cached_property
    def checkpoint(self):
        """The newest checkpoint, or None."""
        files = self.folder.glob('*.pth') if self.folder else []
        found = [path for path in files if not path.name.startswith('prefix')]
        return max(found, key=lambda path: (path.stat().st_mtime, path.name), default=None)

    @property
    def seed(self):
        if self.method is not None:
            return self.number
        return self.record.get('seed', (self.config.get('randomness') or {}).get('seed'))

    @cached_property
    def metrics(self):
        """Metrics in percent, seconds and parameters."""
        values = {k.split('/')[-1]: v for k, v in self.logged.items() if isinstance(v, (int, float))}
        for line in self.scalars:
            if 'iter' not in line:
                values.update((key.split('/')[-1], value) for key, value in line.items() if key.startswith('lt/'))
        if self.predictions:
            values.update(self.predictions.metrics())
        if seconds := self.seconds():
            values['seconds'] = seconds
        if 'parameters' in self.record:
            values['parameters'] = self.record['parameters']
        return values

    def seconds(self):
        """Of training, from the logged seconds an iteration."""
        total, last = 0., 0
        for line in self.scalars:
            if 'iter' in line and 'time' in line and line.get('step', 0) > last:
                total, last = total + line['time'] * (line['step'] - last), line['step']
        return total

    @cached_property
    def plan(self):
        """[(first epoch, what holds)] and the number of epochs."""
        return stages_of(self.config)

    @cached_property
    def classifier(self):
        """Weight norms relative to their mean and biases, (C,) each; None where no classifier is found."""
        from ...engine.load import read_checkpoint
        try:
            _, weight, bias = find_classifier(read_checkpoint(self.checkpoint))
        except (ValueError, OSError, TypeError):
            return None
        norm = weight.norm(dim=1).numpy()
        return {'norm': norm / max(norm.mean(), 1e-12), 'bias': None if bias is None else bias.numpy()}

    def recipe(self):
        """What two seeds of one recipe have in common; None without a config."""
        if self.method is not None:
            return self.method
        if not self.config:
            return None
        kept = {key: value for key, value in self.config.items() if key not in OWN}
        kept.pop('visualizer', None)
        extra = str(self.folder.name) if (self.folder / 'checkpoint.pth').is_file() else ''  # of a refit
        return hashlib.sha256((json.dumps(kept, sort_keys=True, default=repr) + extra).encode()).hexdigest()


@dataclass
class Method:
    """The runs of one recipe, one a seed."""
    name: str
    runs: list
    slot: int = 0  # its colour

    @property
    def first(self):
        return self.runs[0]

    @property
    def predictions(self):
        return [run.predictions for run in self.runs if run.predictions]

    @property
    def metrics(self):
        """Whether any run has an accuracy."""
        return bool(self.metric('mean_class') or self.metric('top1'))

    def metric(self, key):
        return [run.metrics[key] for run in self.runs if key in run.metrics]

    @cached_property
    def class_accuracy(self):
        """(C,) in percent, the mean over the seeds; NaN for a class without test images; None without predictions."""
        if not self.predictions:
            return None
        return 100 * np.mean([p.accuracy().class_accuracy for p in self.predictions], 0)


def read_runs(paths, predictions=()):
    """The runs under the paths, each a work dir, a folder of work dirs (a sweep), a refit folder or a file of
    predictions.

    Raises:
        ValueError: nothing to report in one of them.
    """
    runs = []
    for path in map(Path, paths):
        found = list(_find(path, DEPTH)) if path.is_dir() else _of_file(path) if path.is_file() else []
        if not found:
            raise ValueError(f'{path} has no run: give a work dir, a sweep, a refit folder, or predictions (.npz, .csv)'
                             if path.exists() else f'there is no {path}')
        runs += found
    return runs + [run for path in predictions for run in _of_file(Path(path))]


def _of_file(path):
    if path.name == 'predictions.npz' and (path.parent / 'run.json').is_file():
        return [next(_find(path.parent, 0))]
    results = read_results(path)
    if results is None:
        return [Run(path.stem, predictions=read_predictions(path))]
    return [Run(method, logged=metrics, method=f'{method} in {path}', number=seed)
            for method, seed, metrics in results]


def _find(folder, depth):
    refitted = _json(folder / 'results.json')
    own = (folder / 'predictions.npz').is_file() or (folder / 'run.json').is_file()
    if refitted and all(isinstance(row, dict) for row in refitted.values()):
        for name, row in refitted.items():
            yield _run(folder / name, name, row)
    elif own or any(folder.glob('*/vis_data/scalars.json')):
        seeded = re.fullmatch(r'seed[_-]?\d+', folder.name)
        yield _run(folder, folder.parent.name if seeded else folder.name)
    if depth:
        for child in sorted(child for child in folder.iterdir() if child.is_dir() and '.old' not in child.name):
            if not refitted or child.name not in refitted:
                yield from _find(child, depth - 1)


def _run(folder, name, logged=None):
    file = folder / 'predictions.npz'
    return Run(name, folder, read_predictions(file) if file.is_file() else None, logged or {})


def _json(path):
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def group(runs):
    """The runs as methods: those of one recipe with different seeds stand together; every method has its own name."""
    together = {}
    for i, run in enumerate(runs):
        together.setdefault(run.recipe() or i, []).append(run)
    methods, taken = [], set()
    for members in together.values():
        seeds = [run.seed for run in members]
        split = [members] if len(set(seeds)) == len(seeds) else [[run] for run in members]
        for seeds in split:
            name = seeds[0].name
            if len(seeds) > 1 and seeds[0].method is None:
                name = re.sub(r'[_-]?(seed)?[_-]?\d+$', '', name) or name
            if name in taken:
                parent = seeds[0].folder.parent.name if seeds[0].folder else ''
                name = next(n for n in (f'{parent}/{name}', *(f'{name} ({i})' for i in range(2, 10 ** 6)))
                            if n not in taken)
            taken.add(name)
            methods.append(Method(name, seeds))
    data = {method.first.config.get('data_name') for method in methods}
    if len(methods) > 1 and len(data) == 1:  # what all names end with says nothing
        for method in methods:
            method.name = method.name.removesuffix(f'_{next(iter(data))}')
    return methods

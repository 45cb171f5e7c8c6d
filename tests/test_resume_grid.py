"""Every overlay on the digits: a run that is resumed after any epoch ends as one that was never stopped, bit for bit.

    python -m pytest tests/test_resume_grid.py -m long
"""
import json
import re
import warnings

import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain')
pytest.importorskip('sklearn')
from mmlt.cli import train
from mmlt.cli.names import methods
from mmlt.engine.overlays import load

VIT = {'lift', 'lift_plus', 'linear_probe', 'classifier_only+la', 'full_ft+la', 'five_crop', 'fsdp'}
# a row of the digits' classes thinned to a quarter, but for the rarest; two test images of each class
IMAGES = dict(train=[*range(0, 330, 4), *range(330, 342)], val=list(range(0, 500, 25)))
PLAIN = dict(type='DigitsLT', split='train', imbalance=50, indices=IMAGES['train'])
OPTIONS = dict(crest=dict(unlabelled=PLAIN), deep_rtc=dict(parents=[*[10] * 5, *[11] * 5, -1, -1]))
MLP = dict(simsiam={'model.neck.hid_channels': 64, 'model.neck.out_channels': 64,
                    'model.head.predictor.in_channels': 64, 'model.head.predictor.out_channels': 64},
           mocov3={'model.neck.hid_channels': 64, 'model.head.predictor.hid_channels': 64})
NO_EPOCHS = {'ncm', 'tau_norm'}  # they fit or adjust what is trained


@pytest.fixture(scope='module')
def bases(tmp_path_factory):
    """A small CNN and a small ViT on the digits; -> the folder."""
    folder = tmp_path_factory.mktemp('bases')
    digits = load('digits')
    for loader, name in ((digits.train_dataloader, 'train'), (digits.val_dataloader, 'val'),
                         (digits.test_dataloader, 'val')):
        loader.dataset.indices = IMAGES[name]
    digits.model.backbone.update(depth=8, base_channels=4)
    digits.model.head.in_channels, digits.log_level = 16, 'ERROR'
    digits.dump(folder / 'digits.py')
    vit = load(folder / 'digits.py', 'vit_b16_clip')
    vit.model.backbone = dict(type='TimmFeatures', name='vit_tiny_patch16_224', image_size=32, patch_size=8, depth=2,
                              proj_drop_rate=0.1)
    vit.model.head.in_channels = 192
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        vit[name].dataset.pipeline = digits[name].dataset.pipeline
    vit.dump(folder / 'vit.py')
    return folder


def small(folder, bases, name, first_runs):
    """The config file of an overlay whose stages begin at epochs 0, 1, 2, ...; -> the file, its epochs."""
    base = bases / ('vit.py' if name in VIT else 'digits.py')
    overlays = ['lift', name] if name == 'five_crop' else [name] if name != 'ce' else []
    cfg = load(base, *overlays, options={**OPTIONS.get(name, {}), **MLP.get(name, {})})
    stages = cfg.default_hooks.get('stages', {}).get('stages', [])
    begins = sorted({stage.begin for stage in stages if stage.begin})
    for stage in stages:
        stage.begin = begins.index(stage.begin) + 1 if stage.begin else 0
    epochs = len(begins) + 2
    cfg.train_cfg.update(max_epochs=epochs, val_interval=epochs)
    for scheduler in cfg.param_scheduler or []:
        if 'milestones' in scheduler:
            scheduler.milestones = [1]
        if scheduler.get('by_epoch'):  # a warm-up of many epochs
            scheduler.update({key: min(scheduler[key], 1) for key in ('begin', 'end') if key in scheduler})
    cfg.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    cfg.work_dir = None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{name.replace("/", "-")}.py'
    cfg.dump(path)
    text = path.read_text()
    for needed in set(re.findall(r"work_dirs/[^'\"]+", text)):
        text = text.replace(needed, str(first_runs(needed)))
    path.write_text(text)
    return path, epochs


@pytest.fixture(scope='module')
def first_runs(bases, tmp_path_factory):
    """The file that stands for one under ``work_dirs`` which an overlay begins from, trained when it is asked for."""
    done = {}

    def give(needed):
        run, file = needed.split('/')[1:3]
        name = run.removesuffix('_digits')
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            path, epochs = small(folder, bases, name, give)
            run_once(path, folder / 'run')
            done[name] = path, folder / f'run/epoch_{epochs}.pth'
        return done[name][file.endswith('.pth')]
    return give


def run_once(path, work_dir, *words):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        train.main([str(path), '--work-dir', str(work_dir), '--no-report', *map(str, words),
                    '--cfg-options', f'experiment_name={work_dir.parent.name}_{work_dir.name}'])


def outcome(work_dir, epochs):
    """All that a run ended with: weights, buffers, optimizer, the state of hooks, predictions, metrics."""
    end = torch.load(work_dir / f'epoch_{epochs}.pth', weights_only=False)
    found = {key: value for key, value in end.items() if key not in ('meta', 'message_hub')}
    for file in sorted(work_dir.glob('predictions.npz')):
        with np.load(file) as saved:
            found['predictions'] = dict(saved)
    rows = [json.loads(line) for file in work_dir.glob('*/vis_data/scalars.json')
            for line in file.read_text().splitlines()]
    found['metrics'] = {key: value for row in rows if 'lr' not in row for key, value in row.items()
                        if 'time' not in key}
    return found


def differing(a, b, path=''):
    """The paths at which two nested values are not the same to the last bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [where for key in {**a, **b} for where in (
            differing(a[key], b[key], f'{path}.{key}') if key in a and key in b else [f'{path}.{key} in one alone'])]
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        return [where for i, pair in enumerate(zip(a, b)) for where in differing(*pair, f'{path}.{i}')]
    if torch.is_tensor(a) and torch.is_tensor(b):
        same = a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    elif isinstance(a, np.ndarray):
        same = np.array_equal(a, b)
    else:
        same = a == b
    return [] if same else [path]


@pytest.mark.long
@pytest.mark.parametrize('name', [name for name in methods() if name not in NO_EPOCHS])
def test_a_run_resumed_after_any_epoch_equals_one_that_was_never_stopped(name, bases, first_runs, tmp_path):
    path, epochs = small(tmp_path, bases, name, first_runs)
    run_once(path, tmp_path / 'whole')
    whole = outcome(tmp_path / 'whole', epochs)
    assert whole['state_dict'] and (whole['metrics'] or name in ('simsiam', 'mocov3'))
    for epoch in range(1, epochs):
        run_once(path, tmp_path / f'from_{epoch}', '--resume', tmp_path / f'whole/epoch_{epoch}.pth')
        assert differing(whole, outcome(tmp_path / f'from_{epoch}', epochs)) == [], f'resumed after epoch {epoch}'


def test_what_differs_is_found():
    a = dict(x=[torch.ones(2), 1.0], y=np.zeros(2))
    assert differing(a, dict(x=[torch.ones(2), 1.0], y=np.zeros(2))) == []
    assert differing(a, dict(x=[torch.tensor([1, 1 + 1e-6]), 2.0], z=1)) == [
        '.x.0', '.x.1', '.y in one alone', '.z in one alone']

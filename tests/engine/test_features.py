"""Cached features: the classifier's own inputs, whatever happens to the run or the files."""
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import nn

import mmlt  # noqa: F401
from mmlt.engine.features import eval_dataset, extract_features, load_model, pipeline_of
from mmlt.engine.joint import joint_classifier

PATH = 'head.fc'


@pytest.fixture
def model():
    init_default_scope('mmpretrain')
    cfg = tiny.config('unused')
    torch.manual_seed(0)
    return MODELS.build(cfg.model, default_args=dict(data_preprocessor=cfg.data_preprocessor)).eval()


@pytest.fixture
def extract(model, tmp_path):
    """Extract the training set; returns features, labels and the numbers of images done after each batch."""
    cfg = tiny.config('unused')

    def run(dtype='float32', stop=None, dataset=None, model=model):
        seen = []

        def progress(done, total):
            seen.append(done)
            if stop is not None and done >= stop:
                raise KeyboardInterrupt
        result = extract_features(model, PATH, dataset or cfg.train_dataloader.dataset, cfg.test_dataloader,
                                  tmp_path / 'cache' / 'train', dtype=dtype, progress=progress, flush_seconds=0)
        return *result, seen
    return run


def direct(model):
    """Features by one plain pass over all images."""
    data = DATASETS.build(tiny.config('unused').train_dataloader.dataset)
    with torch.no_grad():
        batch = model.data_preprocessor(dict(inputs=[data[i]['inputs'] for i in range(len(data))]), False)
        return model.extract_feat(batch['inputs'], stage='pre_logits')


def test_features_are_the_inputs_of_the_classifier(model, extract):
    features, labels, seen = extract()
    assert isinstance(features, np.memmap) and features.shape == (60, 16) and seen == [10, 20, 30, 40, 50, 60]
    assert np.bincount(labels).tolist() == list(tiny.COUNTS)
    torch.testing.assert_close(torch.from_numpy(np.array(features)), direct(model), atol=1e-5, rtol=1e-4)
    again, _, seen = extract()
    assert seen == [] and np.array_equal(features, again)


def test_half_precision(model, extract):
    features, _, _ = extract('float16')
    assert features.dtype == np.float16
    np.testing.assert_allclose(features, direct(model), rtol=2e-3, atol=1e-3)


def test_goes_on_after_an_interrupt(extract, tmp_path):
    whole = np.array(extract()[0])
    for file in (tmp_path / 'cache').iterdir():
        file.unlink()
    with pytest.raises(KeyboardInterrupt):
        extract(stop=30)
    features, _, seen = extract()
    assert seen[0] == 40  # the batch in which it stopped was on the disk
    assert np.array_equal(features, whole)


KILLED = '''
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import tiny, torch, mmlt
from mmengine.registry import MODELS, init_default_scope
from mmlt.engine.features import extract_features
init_default_scope('mmpretrain')
cfg = tiny.config('unused')
torch.manual_seed(0)
model = MODELS.build(cfg.model, default_args=dict(data_preprocessor=cfg.data_preprocessor)).eval()
extract_features(model, 'head.fc', cfg.train_dataloader.dataset, cfg.test_dataloader, sys.argv[2], flush_seconds=0,
                 progress=lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done == 20 else None)
'''


def test_goes_on_after_a_kill(model, extract, tmp_path):
    """Another process of the same model dies without any clean-up."""
    command = [sys.executable, '-c', KILLED, str(Path(tiny.__file__).parent), str(tmp_path / 'cache' / 'train')]
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    features, _, seen = extract()
    assert seen == [30, 40, 50, 60]
    torch.testing.assert_close(torch.from_numpy(np.array(features)), direct(model), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('damage', ['truncate', 'foreign', 'no note', 'broken note', 'other key', 'odd note'])
def test_damaged_files_are_computed_anew(damage, extract, tmp_path):
    whole = np.array(extract()[0])
    file, = (tmp_path / 'cache').glob('*.npy')
    note = file.with_suffix('.json')
    if damage == 'truncate':
        os.truncate(file, file.stat().st_size - 8)
    elif damage == 'foreign':
        np.save(file, np.zeros((3, 3)))
    elif damage == 'no note':
        note.unlink()
    elif damage == 'broken note':
        note.write_text('{"key"')
    elif damage == 'other key':
        note.write_text(json.dumps(dict(json.loads(note.read_text()), key='0')))
    else:
        note.write_text('[]')
    features, _, seen = extract()
    assert seen[0] == 10 and np.array_equal(features, whole)


def test_key_follows_weights_and_data_but_not_the_classifier(model, extract, tmp_path):
    extract()
    with torch.no_grad():
        model.head.fc.weight.add_(1)
    assert extract()[2] == []
    assert extract('float16')[2] and extract(dataset=dict(type='TinyImages', pipeline=[dict(type='PackInputs')],
                                                          counts=(3, 2, 1)))[2] == [6]
    with torch.no_grad():
        next(model.backbone.parameters()).add_(1)
    assert extract()[2]
    assert len(list((tmp_path / 'cache').glob('*.npy'))) == 4


def test_unpooled_features_are_an_error(model, extract):
    model.neck = None
    model.head.pre_logits = lambda feats: feats[-1].movedim(1, -1)
    with pytest.raises(ValueError, match=r'given features of shape \(10, .*16\), expected \(batch, D\)'):
        extract(model=model)


def test_pipelines_through_wrappers():
    inner = dict(type='A', pipeline=['train'])
    nested = dict(type='Repeat', times=2, dataset=dict(type='Concat', datasets=[inner, dict(type='B')]))
    assert pipeline_of(nested) == ['train']
    assert eval_dataset(nested, ['test']) == dict(type='Repeat', times=2, dataset=dict(type='Concat', datasets=[
        dict(type='A', pipeline=['test']), dict(type='B', pipeline=['test'])]))
    assert inner['pipeline'] == ['train']


# --- models

def test_checkpoints_that_do_not_fit(model):
    cfg, state = tiny.config('unused'), model.state_dict()
    loaded = load_model(cfg, state, PATH)
    assert not loaded.training and torch.equal(loaded.head.fc.weight, model.head.fc.weight)
    with pytest.raises(ValueError, match=r'head\.fc has 3 classes in the checkpoint and 4 in the config'):
        load_model(tiny.config('unused', model__head__num_classes=4), state, PATH)
    with pytest.raises(ValueError, match='does not fit the config'):
        load_model(tiny.config('unused', model__backbone__base_channels=8, model__head__in_channels=32), state, PATH)
    with pytest.raises(ValueError, match=r'lacks 35 weights: backbone\.conv1\.weight'):
        load_model(cfg, {key: value for key, value in state.items() if key.startswith('head')}, PATH)
    with pytest.raises(ValueError, match=r'classifier at fc, the model of the config has none there'):
        load_model(cfg, state, 'fc')


def test_only_a_linear_classifier_is_refitted(model):
    joint = joint_classifier(model, PATH)
    assert torch.equal(joint.weight, model.head.fc.weight) and joint.weight is not model.head.fc.weight
    for layer in (dict(type='CausalLinear'), dict(type='LWSLinear'), dict(type='NCMClassifier')):
        model.head.fc = MODELS.build(dict(layer, in_features=16, out_features=3))
        if layer['type'] == 'LWSLinear':  # as long as the scales are 1 it is a linear layer
            joint_classifier(model, PATH)
            nn.init.constant_(model.head.fc.scales, 2.)
        with pytest.raises(ValueError, match=f'{layer["type"]}; the second stages start from a linear classifier'):
            joint_classifier(model, PATH)


def test_features_that_changed_on_the_disk_are_computed_anew(extract, tmp_path):
    whole = np.array(extract()[0])
    [file] = (tmp_path / 'cache').glob('*.npy')
    np.load(file, mmap_mode='r+')[30:] = 0
    features, _, seen = extract()
    assert seen and np.array_equal(features, whole)


def test_a_full_disk_is_found_before_the_pass(extract, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')
    monkeypatch.setattr(os, 'posix_fallocate', full)
    with pytest.raises(OSError, match=r'no space left for .*make room'):
        extract()
    assert not list((tmp_path / 'cache').iterdir())

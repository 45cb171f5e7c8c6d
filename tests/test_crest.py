"""FixMatch, CReST's generations and their resumption after a kill."""
import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS
from torch.nn import functional as F

from mmlt.cls.fixmatch import Alignment
from mmlt.core.pseudo import align, crest_rates
from mmlt.data.datasets.pseudo import read_pseudo_labels
from mmlt.engine.overlays import load
from mmlt.jobs import crest

PACK = [dict(type='PackInputs')]
VIEWS = dict(type='UnlabelledHook', dataset=dict(type='TinyImages', counts=(9, 9, 9), pipeline=PACK), ratio=2,
             weak=PACK, strong=[dict(type='RandomFlip', prob=1.), dict(type='PackInputs')])


def settings(**model):
    return dict(model__type='FixMatchClassifier', custom_hooks=[VIEWS],
                **{f'model__{key}': value for key, value in model.items()})


def test_loss(tmp_path):
    """The labelled loss, and CE of the strong view towards the sure weak one, over all unlabelled images."""
    run = tiny.runner(tmp_path, **settings(threshold=0.355))
    model, g = run.model.eval(), torch.Generator().manual_seed(0)
    x, weak, strong = (torch.randn(n, 3, 8, 8, generator=g) for n in (4, 8, 8))
    model.unlabelled = iter([(weak, strong)])
    samples = [tiny_sample(c) for c in (0, 1, 2, 0)]
    losses = model.loss(x, samples)
    with torch.no_grad():
        torch.testing.assert_close(losses['loss'], F.cross_entropy(model(x, mode='tensor'), torch.tensor([0, 1, 2, 0])))
        p, labels = model(weak, mode='tensor').softmax(1).max(1)
        each = F.cross_entropy(model(strong, mode='tensor'), labels, reduction='none')
    torch.testing.assert_close(losses['loss_unlabelled'], (each * (p >= 0.355)).sum() / 8)
    assert 0 < (p >= 0.355).sum() < 8


def tiny_sample(label):
    from mmpretrain.structures import DataSample
    return DataSample().set_gt_label(label)


def test_alignment_keeps_the_last_batches():
    own = Alignment(3, [100, 10, 1], t=0.5, window=2).train()
    batches = [torch.randn(5, 3).softmax(1) for _ in range(3)]
    means = [torch.full((3, ), 1 / 3)] * 2
    for scores in batches:
        m = torch.stack(means[-2:]).mean(0)  # of the batches before
        torch.testing.assert_close(own(scores), align(scores, own.class_counts, m / m.sum(), 0.5))
        means.append(scores.mean(0))
    before = own.means.clone()
    own.eval()(batches[0])
    assert torch.equal(own.means, before)


def test_training_resumes(tmp_path):
    run = settings(align=dict(t=0.5, window=4), threshold=0.4)
    whole = tiny.train(tmp_path / 'whole', epochs=3, **run)
    part = tiny.train(tmp_path / 'part', epochs=3, resume=True, load_from=str(tmp_path / 'whole/epoch_2.pth'), **run)
    a, b = whole.model.state_dict(), part.model.state_dict()
    assert [k for k in a if not torch.equal(a[k], b[k])] == [] and 'alignment.means' in a
    assert 0 <= whole.message_hub.get_scalar('train/share_sure').current() <= 1


SOURCE = dict(type='TinyImages', counts=(30, 30, 30))


def generations(folder, log=lambda line: None, number=3):
    cfg = tiny.config(folder, epochs=1)
    return crest.run_generations(cfg, SOURCE, number, log=log)


def test_generations_go_on_after_a_kill(tmp_path, monkeypatch):
    whole = generations(tmp_path / 'whole')
    assert [len(r['added']) for r in whole] == [0, 3, 3] and sum(whole[1]['added']) > 0

    label_set, calls = crest.label_set, []

    def killed(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return label_set(*args, **kwargs)
    monkeypatch.setattr(crest, 'label_set', killed)
    with pytest.raises(KeyboardInterrupt):
        generations(tmp_path / 'part')
    first = (tmp_path / 'part/generation_0/result.json').stat().st_mtime_ns
    part = generations(tmp_path / 'part')
    assert part == whole
    assert (tmp_path / 'part/generation_0/result.json').stat().st_mtime_ns == first
    rates = [read_pseudo_labels(tmp_path / f'part/generation_{g}/labels.npz')['rates'] for g in range(3)]
    assert all(torch.from_numpy(r).equal(crest_rates(torch.tensor(tiny.COUNTS).double())) for r in rates)
    saved = json.loads((tmp_path / 'part/generation_2/result.json').read_text())
    counts = torch.load(tmp_path / 'part/generation_2/epoch_1.pth', weights_only=False)['meta']['class_counts']
    assert counts == [n + k for n, k in zip(tiny.COUNTS, saved['added'])]


STRONG = dict(VIEWS, strong=[dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')])


@TRANSFORMS.register_module()
class Die(BaseTransform):
    """Ends the process by kill -9 when it has been called as often as the file at ``path`` says; no file, no end."""

    def __init__(self, path):
        self.path = Path(path)

    def transform(self, results):
        if self.path.exists():
            left = int(self.path.read_text()) - 1
            self.path.write_text(str(left))
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return results


def crest_plus(folder, calls):
    """Two generations of CReST+ of two epochs with EMA; an unlabelled image of them is the one at which it dies."""
    calls.parent.mkdir(exist_ok=True)
    views = dict(STRONG, weak=[dict(type='Die', path=str(calls)), *PACK])
    cfg = tiny.config(folder, epochs=2, **dict(settings(align=dict(t=1.0, window=4), threshold=0.3),
                                               custom_hooks=[views, dict(type='EMAHook', momentum=0.1)]),
                      default_hooks__random_state=dict(type='RandomStateHook'), train_cfg__val_interval=1,
                      default_hooks__checkpoint=dict(type='AtomicCheckpointHook', interval=1))
    return crest.run_generations(cfg, SOURCE, 2, log=lambda line: None)


@pytest.fixture(scope='module')
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp('crest')
    results = crest_plus(folder / 'whole', folder / 'calls' / 'left')
    second = torch.load(folder / 'whole/generation_1/epoch_2.pth', weights_only=False)
    assert second['state_dict']['alignment.class_counts'].tolist() == list(tiny.COUNTS)  # the labelled ones
    assert sum(second['meta']['class_counts']) > sum(tiny.COUNTS)
    return results


def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def killed(folder, calls, patch):
    if patch:
        setattr(crest, patch, die)
    crest_plus(folder, calls)


@pytest.mark.parametrize('where', ['epoch', 'label_set', 'write_text'])
def test_kill_9_anywhere(tmp_path, table, where):
    """In the middle of an epoch, before a generation's labels, and between them and its result."""
    calls = tmp_path / 'calls' / 'left'
    calls.parent.mkdir()
    if where == 'epoch':  # the second of the second generation; the first generation sees 2 x 6 x 20 images
        calls.write_text(str(240 + 190))
    child = multiprocessing.get_context('fork').Process(
        target=killed, args=(tmp_path / 'run', calls, None if where == 'epoch' else where))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    calls.unlink(missing_ok=True)
    files = [(tmp_path / f'run/generation_{g}/result.json').exists() for g in range(2)]
    assert files == [where == 'epoch', False]
    assert crest_plus(tmp_path / 'run', calls) == table


def test_bad_input(tmp_path):
    with pytest.raises(RuntimeError, match='no unlabelled images; add dict'):
        tiny.train(tmp_path, epochs=1, model__type='FixMatchClassifier')
    with pytest.raises(ValueError, match='UnlabelledHook is for FixMatchClassifier, the model is ImageClassifier'):
        tiny.train(tmp_path, epochs=1, custom_hooks=[VIEWS])
    with pytest.raises(ValueError, match='generations=0'):
        generations(tmp_path, number=0)


def test_released_rate_and_decay():
    """cos(pi t / 16T) falls by 2 %; the decay of the authors' loss leaves batch norm out."""
    options = dict(unlabelled=dict(type='CustomDataset', data_root='data/unlabelled'))
    cfg = load('cifar10_lt', 'crest', options=options)
    assert [(s.type, s.factor) for s in cfg.param_scheduler] == [('ConstantLR', 1.0)]
    assert cfg.optim_wrapper.paramwise_cfg == dict(norm_decay_mult=0.0)
    assert cfg.optim_wrapper.optimizer.lr == 0.03 and cfg.optim_wrapper.optimizer.nesterov

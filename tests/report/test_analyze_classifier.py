import csv
import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from mmlt.core.counts import ClassCounts
from mmlt.engine.load import read_checkpoint
from mmlt.report.classifier import (
    classifier_table,
    find_classifier,
    is_cosine,
    log_count_correlation,
    plot_classifier,
    read_accuracy,
    stored_counts,
)

TOOL = Path(__file__).parents[2] / 'tools/analyze_classifier.py'
COUNTS = [500, 60, 5]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location('analyze_classifier', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checkpoint(weight, bias=None, path='head.fc', **more):
    state = {f'{path}.weight': weight, 'backbone.conv.weight': torch.zeros(2, 3, 1, 1), **more}
    if bias is not None:
        state[f'{path}.bias'] = bias
    return dict(meta={}, state_dict=state)


WEIGHT, BIAS = torch.tensor([[3., 4., 0., 0.], [0., 1., 0., 0.], [0., 0., .5, 0.]]), torch.tensor([.3, .1, -.2])


@pytest.mark.parametrize('path', ['head.fc', 'head.layers.head', 'module.head.fc', 'fc', 'classifier'])
def test_finds_the_classifier(path):
    found, weight, bias = find_classifier(checkpoint(WEIGHT, BIAS, path), num_classes=3)
    assert found == path.removeprefix('module.')
    assert torch.equal(weight, WEIGHT.double()) and torch.equal(bias, BIAS.double())


def test_finds_plain_state_dicts_given_paths_convolutions_and_turned_weights():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
    found, weight, _ = find_classifier(model.state_dict(), '1', 3)
    assert found == '1' and weight.shape == (3, 8)
    assert torch.equal(find_classifier({'fc.weight': WEIGHT.T}, num_classes=3)[1], WEIGHT.double())
    assert torch.equal(find_classifier({'fc.weight': WEIGHT[..., None, None]}, num_classes=3)[1], WEIGHT.double())


def test_stored_counts():
    assert stored_counts(dict(meta=dict(class_counts=COUNTS), state_dict={})) == COUNTS
    loss = nn.ModuleDict(dict(a=ClassCounts(), b=ClassCounts(COUNTS)))
    assert stored_counts(loss.state_dict()).tolist() == COUNTS
    assert stored_counts(checkpoint(WEIGHT)) is None


def test_table_and_correlation():
    table = classifier_table(WEIGHT, BIAS, COUNTS, [90, 50, float('nan')])
    np.testing.assert_allclose(table['norm'], [5, 1, .5])
    assert table['group'].tolist() == ['many', 'medium', 'few']
    assert log_count_correlation(table, 'norm') == pytest.approx(np.corrcoef(np.log(COUNTS), [5, 1, .5])[0, 1])
    assert log_count_correlation(table, 'accuracy') == pytest.approx(1)
    empty = classifier_table(WEIGHT, None, [500, 60, 0])
    assert 'bias' not in empty and empty['group'][2] == 'few'
    assert log_count_correlation(empty, 'norm') == pytest.approx(1)
    assert np.isnan(log_count_correlation(classifier_table(WEIGHT, None, [9, 9, 9]), 'norm'))


def figure_of(monkeypatch, table, path):
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, 'savefig', lambda self, *args, **kwargs: (figures.append(self),
                                                                         save(self, *args, **kwargs)))
    plot_classifier(path, table)
    return figures[0]


def test_every_named_class_has_its_line_the_largest_on_top(tmp_path, monkeypatch):
    counts, names = torch.arange(13, 56).flip(0), [f'sign_{i}' for i in range(43)]
    table = classifier_table(torch.rand(43, 4), None, counts, names=names)
    axis = figure_of(monkeypatch, table, tmp_path / 'a.png').axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == [f'{n}  {c}' for n, c in zip(names, counts)]
    low, high = axis.get_ylim()
    assert low > 42 > 0 > high
    with pytest.raises(ValueError, match='2 class names for 43 classes'):
        classifier_table(torch.rand(43, 4), None, counts, names=names[:2])


@pytest.mark.parametrize('counts', [range(13, 210), range(5, 1281), [0, 9, 4000]])
def test_the_count_axis_has_several_round_ticks(tmp_path, monkeypatch, counts):
    table = classifier_table(torch.rand(len(counts), 4), None, counts)
    axis = figure_of(monkeypatch, table, tmp_path / 'a.png').axes[0]
    shown = [tick for tick in axis.get_xticks() if axis.get_xlim()[0] <= tick <= axis.get_xlim()[1]]
    assert 3 <= len(shown) <= 8 and (0 in shown) == (0 in counts)


def test_norms_that_a_cosine_layer_ignores_are_not_shown():
    cfg = "model = dict(head=dict(classifier=dict(type='%s'), fc=1))\nother = 'CosineLinear'\n"
    assert is_cosine(dict(meta=dict(cfg=cfg % 'CosineLinear')))
    assert not is_cosine(dict(meta=dict(cfg=cfg % 'TauNormLinear'))) and not is_cosine(checkpoint(WEIGHT))
    weight = np.random.default_rng(0).normal(size=(3, 4))
    unit = [row / np.sqrt((row ** 2).sum()) for row in weight]
    table = classifier_table(torch.as_tensor(weight) * torch.tensor([[1.], [5.], [9.]]), None, COUNTS, cosine=True)
    assert 'norm' not in table
    np.testing.assert_allclose(table['nearest'], [max(unit[i] @ unit[j] for j in range(3) if j != i) for i in range(3)])


def test_accuracy_files(tmp_path):
    (tmp_path / 'a.json').write_text(json.dumps({'lt/top1': 3, 'lt/class_0': 90, 'lt/class_2': 10}))
    (tmp_path / 'b.json').write_text('[90, 50, 10]')
    (tmp_path / 'c.csv').write_text('class,count,accuracy\n0,500,90\n2,5,10\n1,60,\n')
    for name, middle in (('a.json', np.nan), ('b.json', 50), ('c.csv', np.nan)):
        np.testing.assert_array_equal(read_accuracy(tmp_path / name, 3), [90, middle, 10])
    with pytest.raises(ValueError, match='3 classes, expected 2'):
        read_accuracy(tmp_path / 'b.json', 2)
    (tmp_path / 'd.json').write_text('{"lt/top1": 3}')
    with pytest.raises(ValueError, match='per_class=True'):
        read_accuracy(tmp_path / 'd.json', 3)


def test_tool_writes_png_and_csv(tool, tmp_path, capsys):
    torch.save(checkpoint(WEIGHT, BIAS, **{'head.loss_module.class_counts': torch.tensor(COUNTS).double()}),
               tmp_path / 'epoch_9.pth')
    (tmp_path / 'acc.json').write_text('[90, 50, 10]')
    tool.main([str(tmp_path / 'epoch_9.pth'), '--accuracy', str(tmp_path / 'acc.json')])
    with open(tmp_path / 'epoch_9_classifier.csv') as f:
        rows = list(csv.DictReader(f))
    assert [(row['class'], float(row['count']), row['group']) for row in rows] == [
        ('0', 500, 'many'), ('1', 60, 'medium'), ('2', 5, 'few')]
    assert [float(row['norm']) for row in rows] == [5, 1, .5]
    assert [float(row['accuracy']) for row in rows] == [90, 50, 10]
    assert cv2.imread(str(tmp_path / 'epoch_9_classifier.png')).std() > 5
    np.testing.assert_array_equal(read_accuracy(tmp_path / 'epoch_9_classifier.csv', 3), [90, 50, 10])
    out = capsys.readouterr().out
    assert 'head.fc: 3 classes x 4 features' in out and 'many 5.000, medium 1.000, few 0.500' in out


@pytest.mark.parametrize('state, arguments, message', [
    (checkpoint(WEIGHT, path='odd.name'), ['--counts', 'c.json'], r"no classifier at head.fc.*\['odd.name'\]"),
    (checkpoint(WEIGHT), ['--counts', 'c.json', '--path', 'head.gone'], r'no classifier at head.gone'),
    (checkpoint(WEIGHT[:2, :2]), ['--counts', 'c.json'], r'shape \(2, 2\), but there are 3 class counts'),
    (checkpoint(WEIGHT), [], 'stores no class counts; pass --counts'),
])
def test_clear_errors(tool, tmp_path, monkeypatch, state, arguments, message):
    monkeypatch.chdir(tmp_path)
    torch.save(state, 'x.pth')
    Path('c.json').write_text(json.dumps(COUNTS))
    with pytest.raises(SystemExit, match=message):
        tool.main(['x.pth', *arguments])


@pytest.mark.parametrize('content', [b'', b'no checkpoint', b'_base_ = 1', b'half', b'list'])
def test_files_that_are_no_checkpoint_are_named(tool, tmp_path, content):
    file = tmp_path / 'x.pth'
    file.write_bytes(content)
    if content in (b'half', b'list'):
        torch.save(checkpoint(WEIGHT) if content == b'half' else [WEIGHT], file)
    if content == b'half':
        file.write_bytes(file.read_bytes()[:500])
    message = 'x.pth holds a list, expected' if content == b'list' else 'x.pth is no checkpoint, or a truncated one'
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        tool.main([str(file)])
    with pytest.raises(ValueError, match=message):
        read_checkpoint(file)


def test_missing_checkpoint(tool):
    with pytest.raises(SystemExit, match=r'error: no checkpoint nope.pth'):
        tool.main(['nope.pth'])


def test_a_missing_checkpoint_beside_others(tool, tmp_path):
    """A folder, or another epoch than there is: the error names the newest of the folder."""
    for n in (9, 10):
        torch.save(dict(state_dict={}), tmp_path / f'epoch_{n}.pth')
    for path, message in ((tmp_path / 'epoch_100.pth', 'no checkpoint .*epoch_100.pth'), (tmp_path, 'is a folder')):
        with pytest.raises(SystemExit, match=rf'error: .*{message}.*; give .*epoch_10.pth, the newest'):
            tool.main([str(path)])

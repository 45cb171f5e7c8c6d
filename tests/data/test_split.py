"""Hold-outs that tear no group apart, and the tool that writes them."""
import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolbox import tool

from mmlt.data.split import group_folds, hold_out, read_groups


@st.composite
def grouped(draw):
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=6))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    groups = np.array(draw(st.lists(st.integers(0, 30), min_size=len(labels), max_size=len(labels))))
    return labels, groups


@settings(max_examples=60, deadline=None)
@given(grouped(), st.sampled_from([0.1, 0.25, 0.5]), st.integers(0, 3))
def test_no_group_is_torn_and_no_class_emptied(data, share, seed):
    labels, groups = data
    try:
        out = hold_out(labels, groups, share, seed)
    except ValueError as error:
        assert 'folds' in str(error)
        return
    assert not set(groups[out]) & set(groups[~out])
    assert set(labels[~out]) == set(labels)
    assert np.array_equal(out, hold_out(labels, groups, share, seed))


@pytest.mark.parametrize('share', [0.1, 0.2, 0.5])
def test_every_class_gives_its_share(share):
    sizes = np.array([209, 100, 50, 20])
    labels = np.repeat(np.arange(4), sizes)
    alone = hold_out(labels, None, share)
    assert (np.abs(np.bincount(labels[alone]) - share * sizes) <= 1).all()
    tracks = np.array([f'{c}/{i // 5}' for c, n in enumerate(sizes) for i in range(n)])
    out = hold_out(labels, tracks, share)
    assert (np.abs(np.bincount(labels[out], minlength=4) - share * sizes) <= 5).all()
    assert not set(tracks[out]) & set(tracks[~out])


def test_a_class_of_one_group_stays():
    labels = np.array([0] * 30 + [1] * 12)
    groups = np.array([*np.arange(30) // 3, *[99] * 12])
    for seed in range(5):
        assert not hold_out(labels, groups, 0.2, seed)[30:].any()


def test_folds_are_scikit_learns():
    from sklearn.model_selection import StratifiedGroupKFold
    labels, groups = np.repeat([0, 1, 2], [30, 20, 10]), np.arange(60) // 2
    fold = group_folds(labels, groups, 5, seed=3)
    for k, (_, held) in enumerate(StratifiedGroupKFold(5, shuffle=True, random_state=3).split(labels, labels, groups)):
        assert np.array_equal(np.flatnonzero(fold == k), held)


@pytest.mark.parametrize(('call', 'words'), [
    (lambda: hold_out([0, 0, 1], None, 0.7), r'\(0, 0\.5\], got 0\.7'),
    (lambda: hold_out([0] * 5 + [1] * 4 + [2] * 4, None, 0.1), 'largest class has 5 images, 10 folds need as many'),
    (lambda: hold_out([0] * 20 + [1] * 3, [1] * 23, 0.1), '10 folds of 1 groups'),
    (lambda: read_groups(['a/b.png'], r'(\d+)_'), 'does not match a/b.png'),
    (lambda: read_groups(['a/b.png'], r'\w'), 'captures nothing; put what names the group in parentheses'),
    (lambda: read_groups(['a/b.png'], '('), 'is no regular expression'),
    (lambda: read_groups(['a/b.png']), 'either a regex or a csv')])
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.fixture
def signs(tmp_path):
    """Three classes of 12, 8 and 2 tracks of 3 images; the numbers of the tracks start anew in each class."""
    for name, tracks in (('stop', 12), ('yield', 8), ('bump', 2)):
        (tmp_path / 'signs' / name).mkdir(parents=True)
        for track in range(tracks):
            for k in range(3):
                (tmp_path / 'signs' / name / f'{track:03d}_{k}.png').write_bytes(b'')
    return tmp_path / 'signs'


def rows(path):
    return [line.rsplit(' ', 1) for line in path.read_text().splitlines()]


def test_the_tool(signs, tmp_path, capsys):
    out = tmp_path / 'out'
    args = [str(signs), '--out', str(out), '--val', '0.25', '--group-regex', r'([^/]+/\d+)_']
    summary = tool('holdout').main(args)
    train, val = ({path for path, _ in rows(out / f'{name}.txt')} for name in ('train', 'val'))
    assert len(train | val) == 66 and not train & val
    assert not {path[:-6] for path in train} & {path[:-6] for path in val}
    assert {label for _, label in rows(out / 'train.txt')} == {'0', '1', '2'}
    assert summary == json.loads((out / 'split.json').read_text()) and summary['groups'] == 22
    with open(out / 'groups.csv', newline='') as file:
        assert {row['group'] for row in csv.DictReader(file)} == {path[:-6] for path in train | val}
    assert 'images in 22 groups' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='already holds'):
        tool('holdout').main(args)
    again = tool('holdout').main([*args[:5], '--group-csv', str(out / 'groups.csv'), '--out', str(tmp_path / 'again')])
    assert again['lists'] == summary['lists']
    (out / 'groups.csv').write_text('path,group\nstop/000_0.png,1\n')
    with pytest.raises(SystemExit, match=r'no group for 65 of 66 images, as bump/000_0\.png'):
        tool('holdout').main([*args[:5], '--group-csv', str(out / 'groups.csv'), '--out', str(tmp_path / 'bad')])
    with pytest.raises(SystemExit, match='lies in'):
        tool('holdout').main([str(signs), '--out', str(signs / 'lists')])

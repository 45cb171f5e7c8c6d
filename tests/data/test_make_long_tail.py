"""tools/make_long_tail.py: the lists, their hashes, the refusals, and that MMPretrain trains from them."""
import hashlib
import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS

import mmlt  # noqa: F401
from mmlt.core.counts import as_counts
from mmlt.data.folder_lists import scan_folder, split_images
from mmlt.data.longtail import long_tail_counts, long_tail_indices

SPEC = importlib.util.spec_from_file_location('make_long_tail', Path(__file__).parents[2] / 'mmlt/cli/split.py')
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)
SIZES = {'cat': 25, 'big dog': 30, 'eel': 30, 'ant': 28}  # sorted: ant, big dog, cat, eel


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('pets')
    for value, (name, size) in enumerate(SIZES.items()):
        (root / name / 'deep').mkdir(parents=True)
        for k in range(size):
            path = root / name / ('deep' if k % 2 else '') / f'{name} {k:02d}.PNG'
            cv2.imwrite(str(path.with_suffix('.png')), np.full((4, 5, 3), value, np.uint8))
            path.with_suffix('.png').rename(path)
        (root / name / 'notes.txt').write_text('no image')
        (root / name / '._thumb.png').write_text('no image')
    (root / '.cache').mkdir()
    (root / 'readme.md').write_text('no class')
    return root


def rows(path):
    return [(p, int(y)) for p, y in (line.rsplit(' ', 1) for line in path.read_text().splitlines())]


def snapshot(root):
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in root.rglob('*')}


def test_lists_hashes_and_report(folder, tmp_path, capsys):
    before = snapshot(folder)
    out = tmp_path / 'out'
    TOOL.main([str(folder), '--out', str(out), '--imbalance', '5', '--val', '3', '--test', '2'])
    assert snapshot(folder) == before
    assert (out / 'classes.txt').read_text().split('\n') == ['ant', 'big dog', 'cat', 'eel', '']
    lists = {name: rows(out / f'{name}.txt') for name in ('train', 'val', 'test')}
    # by falling size less the 5 held out: big dog 25, eel 25, ant 23, cat 20
    expected = long_tail_counts(25, 4, 5).tolist()
    counts = np.bincount([y for _, y in lists['train']]).tolist()
    assert counts == [expected[2], expected[0], expected[3], expected[1]] == [8, 25, 5, 14]
    assert np.bincount([y for _, y in lists['val']]).tolist() == [3] * 4
    assert np.bincount([y for _, y in lists['test']]).tolist() == [2] * 4
    paths = [p for part in lists.values() for p, _ in part]
    assert len(paths) == len(set(paths)) and all((folder / p).is_file() for p in paths)
    assert all(p.startswith(['ant', 'big dog', 'cat', 'eel'][y] + '/') for part in lists.values() for p, y in part)
    summary = json.loads((out / 'split.json').read_text())
    shown = capsys.readouterr().out
    for name in ('train', 'val', 'test'):
        sha = hashlib.sha256((out / f'{name}.txt').read_bytes()).hexdigest()
        assert summary['lists'][f'{name}.txt'] == dict(images=len(lists[name]), sha256=sha)
        assert sha in shown
    assert (summary['imbalance'], summary['kind'], summary['seed']) == (5, 'exp', 0)
    assert as_counts(out / 'split.json').tolist() == counts
    for part in ('many', 'medium', 'few', 'largest 25, smallest 5, imbalance 5.0', str(out / 'train.txt')):
        assert part in shown


def test_the_same_seed_writes_the_same_bytes(folder, tmp_path):
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        TOOL.main([str(folder), '--out', str(tmp_path / name), '--imbalance', '5', '--seed', str(seed)])
    texts = [(tmp_path / name / 'train.txt').read_bytes() for name in 'abc']
    assert texts[0] == texts[1] != texts[2]


def test_balanced_folders_give_the_ldam_draw():
    images = [[f'{c}/{k}' for k in range(40)] for c in range(5)]
    flat = [path for paths in images for path in paths]
    labels = np.repeat(np.arange(5), 40)
    indices = long_tail_indices(labels, 5, 10, seed=0)
    lists = split_images(list('abcde'), images, imbalance=10)
    assert lists == {'train': [(flat[i], labels[i]) for i in indices]}
    held = split_images(list('abcde'), images, imbalance=10, n_max=20, held_out=dict(val=15))
    assert held['train'] == split_images(list('abcde'), images, imbalance=10, n_max=20)['train']
    assert not {p for p, _ in held['train']} & {p for p, _ in held['val']}


def test_custom_dataset_trains_from_the_lists(folder, tmp_path, capsys):
    TOOL.main([str(folder), '--out', str(tmp_path / 'out'), '--imbalance', '5', '--val', '3'])
    shown = capsys.readouterr().out
    config = eval(shown[shown.index('dict('):].replace('...', '[]'))
    config.update(pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')], _scope_='mmpretrain')
    dataset = DATASETS.build(config)
    listed = rows(tmp_path / 'out/train.txt')
    assert dataset.get_gt_labels().tolist() == [y for _, y in listed]
    assert dataset.CLASSES == ('ant', 'big dog', 'cat', 'eel')
    for k in (0, len(listed) - 1):
        value = list(SIZES).index(dataset.CLASSES[listed[k][1]])
        assert (dataset[k]['inputs'] == value).all()


def test_refuses_to_overwrite(folder, tmp_path):
    args = [str(folder), '--out', str(tmp_path), '--imbalance', '5']
    (tmp_path / 'classes.txt').write_text('of the user')
    with pytest.raises(SystemExit, match=r'already holds classes.txt; .*--force'):
        TOOL.main(args)
    assert [p.name for p in tmp_path.iterdir()] == ['classes.txt']
    assert (tmp_path / 'classes.txt').read_text() == 'of the user'
    TOOL.main([*args, '--force'])
    assert (tmp_path / 'classes.txt').read_text().startswith('ant\n')


def test_force_removes_the_lists_of_an_older_split(folder, tmp_path):
    args = [str(folder), '--out', str(tmp_path), '--imbalance', '5']
    TOOL.main([*args, '--val', '3', '--test', '2'])
    (tmp_path / 'notes.txt').write_text('of the user')
    (tmp_path / 'train.txt').unlink()
    with pytest.raises(SystemExit, match=r'already holds classes.txt, split.json, val.txt, test.txt'):
        TOOL.main(args)
    TOOL.main([*args, '--force', '--test', '2'])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {'train.txt', 'test.txt', 'classes.txt', 'split.json', 'notes.txt'}
    assert not set(rows(tmp_path / 'train.txt')) & set(rows(tmp_path / 'test.txt'))


@pytest.mark.parametrize('extra, message', [
    (['--val', '25'], 'class cat has 25 images, 25 are to be held out'),
    (['--val', '-2'], 'must be positive'),
    (['--imbalance', '0.1'], 'must be >= 1'),
    (['--max', '100'], 'class big dog has 30 images, the long tail needs 100; n_max <= 30'),
    (['--max', '3', '--imbalance', '5'], 'without an image'),
])
def test_bad_arguments(folder, tmp_path, extra, message):
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        TOOL.main([str(folder), '--out', str(tmp_path / 'out'), '--imbalance', '2', *extra])
    assert not (tmp_path / 'out').exists()


def test_max_must_be_positive(folder, tmp_path, capsys):
    with pytest.raises(SystemExit):
        TOOL.main([str(folder), '--out', str(tmp_path / 'out'), '--max', '0'])
    assert '--max 0: the largest class needs at least 1 image' in capsys.readouterr().err


def test_out_inside_the_source_is_refused(folder):
    with pytest.raises(SystemExit, match='would be a class'):
        TOOL.main([str(folder), '--out', str(folder / 'lists')])
    assert not (folder / 'lists').exists()


def test_bad_folders(tmp_path):
    with pytest.raises(SystemExit, match='nothing'):
        TOOL.main([str(tmp_path / 'nothing'), '--out', str(tmp_path / 'out')])
    with pytest.raises(ValueError, match='has 0 class folders'):
        scan_folder(tmp_path)
    (tmp_path / 'train').mkdir()
    (tmp_path / 'val').mkdir()
    with pytest.raises(ValueError, match=r"splits \['train', 'val'\], expected classes"):
        scan_folder(tmp_path)
    (tmp_path / 'cat').mkdir()
    with pytest.raises(ValueError, match='cat holds no image'):
        scan_folder(tmp_path)

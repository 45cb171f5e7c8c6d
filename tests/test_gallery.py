"""The trick gallery: every leaf says what the generator's table says, and trains."""
import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location('make_gallery', ROOT / 'tools/make_gallery.py')
gallery = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(gallery)
NAMES = gallery.NAMES


def plain(cfg):
    return {key: value for key, value in cfg.to_dict().items() if key != '_base_'}


@pytest.mark.parametrize('folder', gallery.GALLERY)
def test_leaves_are_the_table(folder):
    here = ROOT / 'configs/lt/gallery' / folder
    assert sorted(path.stem for path in here.glob('*.py')) == sorted(NAMES)
    for name in NAMES:
        base, diff = gallery.leaf(folder, name)
        expected = Config.fromfile(here / base)
        expected.merge_from_dict(diff)
        assert plain(Config.fromfile(here / f'{name}.py')) == plain(expected), name


@pytest.mark.parametrize(('column', 'folder'), enumerate(list(gallery.GALLERY)[:4]))
def test_published_numbers_are_those_of_the_table(column, folder):
    rows = json.loads((ROOT / 'configs/lt/gallery' / folder / 'published.json').read_text())
    assert rows == gallery.published(column)
    assert set(rows) <= set(NAMES)


TWINS = [(name, {'drs_cb': 'drs', 'cam_bs_cb': 'cam_bs'}.get(name, name)) for name in NAMES]


@pytest.mark.parametrize(
    ('name', 'twin'), [(n, t) for n, t in TWINS if (ROOT / f'configs/lt/{t}_cifar100_lt.py').exists()])
def test_twins_agree(name, twin):
    """A recipe that has a config of its own in configs/lt is the same there."""
    ours = Config.fromfile(ROOT / f'configs/lt/gallery/cifar100_lt_if100/{name}.py')
    assert plain(ours) == plain(Config.fromfile(ROOT / f'configs/lt/{twin}_cifar100_lt.py'))

"""The wheel alone, without a checkout: configs and tools are in it and work."""
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import mmlt
from mmengine.config import Config
from mmengine.hub import get_config
assert {site!r} in mmlt.__file__, mmlt.__file__
assert get_config('mmlt::data/cifar100_lt.py').model.head.num_classes == 100
assert Config.fromfile('child.py').default_hooks.stages.stages[0].begin == 80
"""


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The wheel, unpacked as pip would."""
    source, out = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('out')
    for name in ('mmlt', 'configs', 'tools', 'benchmarks/results'):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns('__pycache__'))
    (source / 'docs').mkdir()
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'docs/results.md'):
        shutil.copy(ROOT / name, source / name)
    built = subprocess.run([sys.executable, 'setup.py', '-q', 'bdist_wheel', '-d', out], cwd=source, text=True,
                           capture_output=True)
    if 'invalid command' in built.stderr:
        pytest.skip('needs the package wheel')
    assert built.returncode == 0, built.stderr
    zipfile.ZipFile(next(out.glob('*.whl'))).extractall(out / 'site')
    return out / 'site'


def test_the_wheel_holds_every_config_and_tool(site):
    for folder in ('configs', 'tools'):
        shipped = {path.relative_to(site / 'mmlt/.mim') for path in (site / 'mmlt/.mim' / folder).rglob('*.*')}
        assert {path.relative_to(ROOT) for path in (ROOT / folder).rglob('*.*') if path.suffix != '.pyc'} <= shipped


def test_configs_and_tools_without_a_checkout(site, tmp_path):
    (tmp_path / 'child.py').write_text("_base_ = 'mmlt::lt/cam_bs_imagenet_lt.py'")
    env = dict(os.environ, PYTHONPATH=str(site))
    done = subprocess.run([sys.executable, '-c', SCRIPT.format(site=str(site))], cwd=tmp_path, env=env, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([sys.executable, '-m', 'mmlt.tools.train', 'digits', 'crt'], cwd=tmp_path, env=env, text=True,
                          capture_output=True)
    assert done.returncode == 1 and 'error: the run begins from a trained model' in done.stderr, done.stderr


def test_the_index_names_every_method_and_files_that_are_there(site):
    yaml = pytest.importorskip('yaml')
    mim = site / 'mmlt/.mim'
    metafiles = [mim / file for file in yaml.safe_load((mim / 'model-index.yml').read_text())['Import']]
    parts = [yaml.safe_load(file.read_text()) for file in metafiles]
    models = {model['Name']: model for part in parts for model in part['Models']}
    overlays = {f'{path.parents[1].name}/{path.stem}'.removeprefix('configs/')
                for path in (ROOT / 'configs').glob('**/methods/*.py') if path.name[0] != '_'}
    overlays |= {f'gallery/{name}' for name in ('mixup', 'remix', 'label_smooth')}
    assert {collection['Name'] for part in parts for collection in part['Collections']} >= overlays <= set(models)
    assert all((mim / model['Config']).is_file() for model in models.values())
    assert 'ldam-drw_cifar100_lt' in models and models['ldam-drw_cifar100_lt']['In Collection'] == 'ldam-drw'
    assert models['gallery/mixup']['Config'] == 'configs/methods/gallery/mixup.py'
    result = models['mixup-cam_bs-ft']['Results'][0]['Metrics']
    assert result == {'Mean Class Accuracy': 61.13, 'Standard Deviation over Seeds': 0.65}
    assert all({'Family', 'Cost'} <= set(part['Collections'][0]['Metadata']) for part in parts)

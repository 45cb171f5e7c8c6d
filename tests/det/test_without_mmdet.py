"""MMDetection missing, or MMCV without compiled ops: mmlt imports, its detection part says what to install."""
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKED = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == {name!r} else real(name, *a)
class Block:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
import mmlt
from mmengine.registry import MODELS
assert MODELS.get('CosineLinear') and 'mmlt.det' not in sys.modules
try:
    from mmlt.det import EqualizationLossV2
except {error} as error:
    assert {words!r} in str(error), error
else:
    raise SystemExit('imported')
if {config!r}:
    from mmengine.config import Config
    try:
        Config.fromfile({config!r})
    except {error} as error:
        assert {words!r} in str(error), error
    else:
        raise SystemExit('a config for MMDetection loaded')
"""


def run(name, words, error, config=''):
    script = BLOCKED.format(name=name, words=words, error=error, config=str(config))
    subprocess.run([sys.executable, '-c', script], check=True, cwd=ROOT)


def test_mmdet_missing():
    run('mmdet', 'mmdet is not installed; pip install "mmlt[det]"', 'ImportError')


def test_mmcv_without_ops(tmp_path):
    pytest.importorskip('mmdet')
    config = tmp_path / 'config.py'
    config.write_text("custom_imports = dict(imports=['mmlt.det'])\n")
    run('mmcv._ext', 'MMCV_WITH_OPS=1 pip install', 'RuntimeError', config)

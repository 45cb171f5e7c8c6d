"""The plain PyTorch script runs where no OpenMMLab package can be imported."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCKED = """
import importlib.util, runpy, sys
frameworks = {'mmengine', 'mmcv', 'mmpretrain', 'mmdet', 'mmseg', 'timm'}
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in frameworks:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name.split('.')[0] in frameworks else real(name, *a)
runpy.run_path('docs/plain_torch.py', run_name='__main__')
assert not frameworks & set(sys.modules)
try:
    import mmlt.seg
except ImportError as error:
    print(error)
"""


def test_script():
    pytest.importorskip('sklearn')
    out = subprocess.run([sys.executable, '-c', BLOCKED], check=True, cwd=ROOT, capture_output=True, text=True).stdout
    rare = dict(re.findall(r'^(.*?) +mean .* rarest ([\d.]+) %$', out, re.M))
    assert len(rare) == 5
    assert float(rare['balanced softmax, cosine']) > float(rare['cross entropy']) + 10
    assert 'mmlt[seg]' in out

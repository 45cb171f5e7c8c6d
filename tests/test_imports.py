"""The house's rule: imports go one way from floor to floor, and core knows no framework."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ORDER = {'core': 0, 'registry': 0, 'folders': 0, 'data': 1, 'engine': 2, 'cls': 3, 'det': 3, 'seg': 3, 'report': 3,
         'jobs': 3, 'cli': 4}
FRAMEWORKS = {'mmengine', 'mmcv', 'mmpretrain', 'mmdet', 'mmseg', 'timm'}


def imports(path):
    """Absolute names that a module imports, at its top level or inside functions."""
    package = path.relative_to(ROOT).with_suffix('').parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(package[:len(package) - node.level + 1]) if node.level else ''
            yield '.'.join(filter(None, [base, node.module]))


@pytest.mark.parametrize('path', sorted((ROOT / 'mmlt').rglob('*.py')), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    parts = path.relative_to(ROOT).with_suffix('').parts
    if len(parts) < 3:
        return
    for name in imports(path):
        names = name.split('.')
        if parts[1] == 'core':
            assert names[0] not in FRAMEWORKS, f'core imports {name}'
        if names[0] == 'mmlt' and len(names) > 1:
            assert ORDER[names[1]] <= ORDER[parts[1]], f'{parts[1]} imports {name}'
            adapters = {'cls', 'det', 'seg'}
            assert not (parts[1] in adapters and names[1] in adapters - {parts[1]}), f'{parts[1]} imports {name}'
            if parts[1:3] == ('engine', 'stages'):  # the hook loops over its parts, these know no hook
                assert names[:3] != ['mmlt', 'engine', 'hooks'], f'a stage part imports {name}'


BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {frameworks}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in {frameworks} else real(name, *a)
import mmlt, torch
from mmlt.core.losses import BalancedSoftmaxLoss
from mmlt.core.layers import CosineLinear
from mmlt.data.samplers import ClassBalancedSampler
from mmlt.core.augment import CAMForeground
loss = BalancedSoftmaxLoss(class_counts=[10, 1])(CosineLinear(4, 2)(torch.ones(3, 4)), torch.tensor([0, 1, 0]))
assert loss.isfinite() and len(ClassBalancedSampler([0, 0, 1], seed=0)) == 3
assert not {frameworks} & set(sys.modules)
"""


def test_core_works_without_any_framework():
    subprocess.run([sys.executable, '-c', BLOCKED.replace('{frameworks}', repr(FRAMEWORKS))], check=True, cwd=ROOT)

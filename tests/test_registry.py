"""mmlt imports no framework; its parts are registered when one is imported, before or after."""
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ['mmengine', 'mmcv', 'mmpretrain', 'mmdet', 'mmseg', 'timm', 'matplotlib', 'cv2', 'rich']
LIGHT = f"""
import sys, time, torch
start = time.process_time()
import mmlt.core.losses, mmlt.data, mmlt.core.augment, mmlt.core.refit, mmlt.data.datasets
cost = time.process_time() - start
assert not set({HEAVY}) & set(sys.modules), set({HEAVY}) & set(sys.modules)
assert 'torch._dynamo' not in sys.modules
assert cost < 0.3, cost
"""
CHECKS = {
    'mmengine': """
from mmengine.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS, OPTIM_WRAPPERS
from mmlt.core.losses import LDAMLoss
assert MODELS.get('LDAMLoss') is LDAMLoss and MODELS.get('CosineLinear') and MODELS.get('SwapClassifier')
assert HOOKS.get('StageSwitchHook') and METRICS.get('LongTailMetric') and OPTIM_WRAPPERS.get('CPUAmpOptimWrapper')
assert DATA_SAMPLERS.get('ClassBalancedSampler') and DATASETS.get('DigitsLT') and DATASETS.get('LongTailSubset')
""",
    'mmpretrain': """
from mmpretrain.registry import BATCH_AUGMENTS, DATASETS, MODELS
import mmlt.cls, mmlt.data.datasets
assert MODELS.get('LongTailClsHead') is mmlt.cls.LongTailClsHead and BATCH_AUGMENTS.get('Remix')
assert DATASETS.get('DigitsLT') is mmlt.data.datasets.DigitsLT
""",
    'mmdet': """
from mmdet.registry import METRICS, MODELS
import mmlt.det
assert MODELS.get('EqualizationLossV2') is mmlt.det.EqualizationLossV2 and METRICS.get('LongTailLVISMetric')
""",
    'mmseg': """
from mmseg.registry import MODELS
import mmlt.seg
assert MODELS.get('LongTailEncoderDecoder') is mmlt.seg.LongTailEncoderDecoder
""",
}


def run(script, *args):
    subprocess.run([sys.executable, '-W', 'error:not all of', '-c', script, *args], check=True, cwd=ROOT)


def needs(framework):
    pytest.importorskip('mmengine')
    if find_spec(framework) is None or (framework in ('mmdet', 'mmseg') and find_spec('mmcv._ext') is None):
        pytest.skip(f'{framework} is not installed')


def test_core_and_data_are_light():
    run(LIGHT)


@pytest.mark.parametrize(('framework', 'imports'), [
    ('mmengine', 'import mmlt, mmengine'),
    ('mmengine', 'import mmengine.runner, mmlt'),
    ('mmengine', 'import mmlt, mmcv'),
    ('mmengine', 'import mmcv, mmlt'),
    ('mmengine', 'import mmlt.engine.metric'),
    ('mmengine', 'import mmlt.data.datasets.cifar'),
    ('mmpretrain', 'import mmlt, mmpretrain'),
    ('mmpretrain', 'import mmpretrain.models, mmpretrain.datasets, mmlt'),
    ('mmpretrain', 'import mmlt.cls'),
    ('mmpretrain', 'from mmlt.data.datasets import DigitsLT'),
    ('mmdet', 'import mmlt, mmdet'),
    ('mmdet', 'import mmdet.models, mmdet.evaluation, mmlt'),
    ('mmdet', 'import mmlt.det'),
    ('mmseg', 'import mmlt, mmseg'),
    ('mmseg', 'import mmseg.models, mmlt'),
    ('mmseg', 'import mmlt.seg'),
])
def test_any_order(framework, imports):
    needs(framework)
    run(imports + CHECKS[framework] + CHECKS['mmengine'])


def test_custom_imports(tmp_path):
    needs('mmpretrain')
    config = tmp_path / 'config.py'
    config.write_text("default_scope = 'mmpretrain'\ncustom_imports = dict(imports=['mmlt'])\n"
                      "model = dict(type='ImageClassifier', backbone=dict(type='ResNetCIFAR32'),\n"
                      "             head=dict(type='LongTailClsHead', num_classes=3, in_channels=64))\n")
    run("""
import sys
from mmengine.config import Config
cfg = Config.fromfile(sys.argv[1])
from mmengine.registry import MODELS, init_default_scope
init_default_scope(cfg.default_scope)
assert type(MODELS.build(cfg.model).head).__name__ == 'LongTailClsHead'
assert 'mmseg' not in sys.modules
loaded = {name for name in sys.modules if name.startswith('mmdet')}  # MMPretrain takes an activation from there
import subprocess
own = subprocess.run([sys.executable, '-c', 'import mmpretrain.models, mmpretrain.datasets, sys; print(*sys.modules)'],
                     capture_output=True, text=True, check=True).stdout.split()
assert loaded <= set(own), loaded - set(own)
""", str(config))


BROKEN = """
import sys, types, warnings
import mmlt
class Break:
    def find_spec(self, name, path=None, target=None):
        if name == 'mmlt.engine.metric':
            raise RuntimeError('of another version')
sys.meta_path.insert(0, Break())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    import mmengine
assert any('of another version' in str(w.message) and 'mmlt.engine.metric' in str(w.message) for w in caught), caught
from mmengine.registry import MODELS, HOOKS
assert MODELS.get('LDAMLoss') and HOOKS.get('StageSwitchHook')
"""


def test_a_part_that_fails_stops_no_other():
    pytest.importorskip('mmengine')
    run(BROKEN)


def test_a_framework_that_fails_stops_no_other(tmp_path):
    """Its own import fails as it would without mmlt, and the parts of the others are there."""
    needs('mmpretrain')
    (tmp_path / 'mmseg').mkdir()
    (tmp_path / 'mmseg/__init__.py').write_text("raise AssertionError('MMCV==9 is incompatible')\n")
    run("""
import sys
sys.path.insert(0, sys.argv[1])
import mmlt
try:
    import mmseg
except AssertionError as error:
    assert 'incompatible' in str(error)
else:
    raise SystemExit('imported')
""" + CHECKS['mmpretrain'] + """
try:
    import mmlt.seg
except RuntimeError as error:
    assert 'mmseg is installed, but cannot be imported: AssertionError: MMCV==9 is incompatible' in str(error), error
else:
    raise SystemExit('imported')
""", str(tmp_path))


def test_lvis_is_left_as_it_is():
    needs('mmdet')
    pytest.importorskip('lvis')
    run("""
import lvis.eval, numpy
from mmdet.evaluation import LVISMetric
import mmlt.det
from mmdet.registry import METRICS
from mmlt.det.lvis import LongTailLVISMetric, numpy_with_float
assert METRICS.get('LVISMetric') is LVISMetric and lvis.eval.np is numpy
with numpy_with_float():
    assert lvis.eval.np.float is float and lvis.eval.np.cumsum is numpy.cumsum
assert lvis.eval.np is numpy
""")

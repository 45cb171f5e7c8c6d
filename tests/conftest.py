import sys
from pathlib import Path

import pytest

collect_ignore_glob = ['tiny.py', 'multi_view.py', 'fuzz_tools.py', '*_ranks.py']  # helpers, not tests
SHARED = Path(__file__).resolve().parents[2] / 'shared'


@pytest.fixture(scope='session')
def shared():
    """The folder of real data beside the checkout; tests that use it are skipped where it is missing."""
    if not SHARED.is_dir():
        pytest.skip('no ../shared beside the checkout: real data is missing')
    return SHARED


@pytest.fixture(autouse=True)
def default_scope():
    """Names mean MMPretrain's parts, whatever scope the test before has left."""
    registry = sys.modules.get('mmengine.registry')
    if registry is None:
        yield
    else:
        with registry.DefaultScope.overwrite_default_scope('mmpretrain'):
            yield

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / 'shared'


@pytest.fixture(scope='session')
def shared():
    """The folder of real data beside the checkout; tests that use it are skipped where it is missing."""
    if not SHARED.is_dir():
        pytest.skip('no ../shared beside the checkout: real data is missing')
    return SHARED

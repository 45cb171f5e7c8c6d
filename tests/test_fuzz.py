"""2,000 bad calls; python tests/fuzz.py 100000 tries more."""
import pytest

pytest.importorskip('mmengine')
from fuzz import run


def test_bad_calls_have_clear_errors():
    run(2000)

"""2,000 bad calls; python tests/fuzz.py 100000 tries more."""
import pytest

pytest.importorskip('mmengine')
from fuzz import run


def test_bad_calls_have_clear_errors():
    faults = {}
    run(2000, faults)
    assert not faults, '\n'.join(f'{what[:500]}: {fault}' for (_, fault), what in faults.items())

"""150 bad calls of the commands; python tests/fuzz_tools.py 2000 tries more."""
import pytest

pytest.importorskip('mmpretrain')
pytest.importorskip('matplotlib')
from fuzz_tools import run


def test_bad_calls_of_commands_end_in_a_sentence():
    faults = {}
    run(150, faults)
    assert not faults, '\n'.join(faults.values())

"""100 bad calls of the commands; python tests/fuzz_tools.py 2000 tries more."""
import pytest

pytest.importorskip('mmpretrain')
pytest.importorskip('matplotlib')
from fuzz_tools import call, run, workplace

FOUND = '''
train null.json drs
train cfg.py crt --resume good.pth
train cfg.py --cfg-options =b
label empty.py good.pth birds --out out
crest nan.json birds
diagnose empty.py --yes
diagnose syntax.py --yes
diagnose birds --out empty_folder --yes
refit nan.json good.pth
report cut.npz
report empty.npz
report predictions.npz --counts cut.npz
report bad.csv
count maps --out out.json --list deep.json
text_head --classnames latin1.txt --weights x
text_head --classnames names.txt --model x --weights -
'''


def test_bad_calls_of_commands_end_in_a_sentence():
    faults = {}
    run(100, faults)
    assert not faults, '\n'.join(faults.values())


def test_calls_that_once_ended_in_a_traceback():
    with workplace() as tidy:
        for line in FOUND.split('\n')[1:-1]:
            name, *words = line.split()
            assert call(name, words) is None, line
            tidy()

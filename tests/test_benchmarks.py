"""benchmarks/all.py: what it runs, keeps and names."""
import importlib.util
import json
from pathlib import Path

FOLDER = Path(__file__).parents[1] / 'benchmarks'
spec = importlib.util.spec_from_file_location('all_benchmarks', FOLDER / 'all.py')
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


def script(folder, name, *rows):
    body = (FOLDER / 'record.py').read_text() + ''.join(f'\nrecord(*{row!r})' for row in rows)
    (folder / f'{name}.py').write_text(body)


def test_ratios_are_kept_and_those_that_got_worse_are_named(tmp_path, capfd):
    kept = tmp_path / 'speed.json'
    script(tmp_path, 'a', ('slow', 1.0, 1.5), ('quick', 2.0, None, False))
    script(tmp_path, 'b', ('other', 3.0, 2.0))
    assert tool.main(['--keep'], tmp_path, kept) == 0
    assert [row['what'] for row in json.loads(kept.read_text())['rows']] == ['slow', 'quick', 'other']
    assert '| b | other | 3.00 | <= 2, missed | – |' in capfd.readouterr().out
    script(tmp_path, 'a', ('slow', 1.14, 1.5), ('quick', 1.7, None, False))
    assert tool.main(['--only', 'a'], tmp_path, kept) == 1
    printed = capfd.readouterr().out
    assert 'a, quick: 1.70 against 2.00, 18 % worse' in printed and 'a, slow' not in printed
    assert tool.main(['--only', 'a', '--keep'], tmp_path, kept) == 1
    assert [row['value'] for row in json.loads(kept.read_text())['rows']] == [3.0, 1.14, 1.7]


def test_a_benchmark_that_fails_is_named(tmp_path, capfd):
    (tmp_path / 'a.py').write_text('raise SystemExit(3)')
    assert tool.main([], tmp_path, tmp_path / 'speed.json') == 1
    assert 'a ended with status 3 and recorded nothing' in capfd.readouterr().out


def test_every_benchmark_records():
    names = [path for path in FOLDER.glob('*.py') if path.stem not in tool.NONE]
    assert len(names) > 5
    assert [path.stem for path in names if 'record(' not in path.read_text()] == []

"""The docs: what is generated, the examples, and the build where mkdocs is installed."""
import importlib
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize('needs, name', [('transformers', 'hf_trainer'), ('lightning', 'lightning_module')])
def test_examples_of_other_trainers_learn(needs, name, tmp_path, monkeypatch, capsys):
    pytest.importorskip(needs)
    if needs == 'transformers':
        pytest.importorskip('accelerate')
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / f'docs/examples/{name}.py'), run_name='__main__')
    assert float(re.search(r'mean ([\d.]+) %', capsys.readouterr().out)[1]) > 60


def test_the_notebook_is_one():
    cells = json.loads((ROOT / 'docs/examples/demo.ipynb').read_text())['cells']
    assert any('mmlt demo' in ''.join(cell['source']) for cell in cells)


@pytest.mark.parametrize('package', ['core.losses', 'core.layers', 'core.contrast', 'core.augment', 'engine.hooks'])
def test_every_part_is_on_a_page_of_the_api(package):
    pytest.importorskip('mmengine')
    module = importlib.import_module(f'mmlt.{package}')
    shown = {line[4:] for page in (ROOT / 'docs/api').glob('*.md') for line in page.read_text().splitlines()}
    assert {getattr(module, name).__module__ for name in module.__all__} <= shown


def test_commands_of_the_docs_exist():
    from mmlt.cli import COMMANDS
    pages = [ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md')]
    used = {word for page in pages for word in re.findall(r'^mmlt (\w+)', page.read_text(), flags=re.M)}
    assert {'train', 'report', 'diagnose', 'refit', 'sweep', 'demo'} <= used <= set(COMMANDS)


def test_methods_of_the_docs_exist():
    pytest.importorskip('mmengine')
    from mmlt.cli.names import methods
    text = ' '.join(page.read_text() for page in [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')])
    lines = re.findall(r'^mmlt train (.*)$', text, flags=re.M)
    used = {name for line in lines for name in line.split('#')[0].split()[1:]
            if re.fullmatch(r'[a-z_]+(-[a-z_]+)*', name)}
    written = set(re.findall(r'`configs/methods/(\w+)\.py`', text))  # by the reader, in adding-a-method.md
    assert used and used <= {*methods(), *written}, used - {*methods(), *written}


def test_every_page_is_in_the_navigation_once():
    nav = (ROOT / 'mkdocs.yml').read_text().partition('\nnav:')[2]
    pages = {page.relative_to(ROOT / 'docs').as_posix() for page in (ROOT / 'docs').rglob('*.md')}
    named = re.findall(r': ([\w/-]+\.md)$', nav, flags=re.M)
    assert sorted(named) == sorted(pages)
    version = re.search(r"__version__ = '([^']+)'", (ROOT / 'mmlt/__init__.py').read_text())[1]
    assert f'version = {{{version}}}' in (ROOT / 'docs/citation.md').read_text()
    assert f'version: {version}' in (ROOT / 'CITATION.cff').read_text()


def test_the_pages_build_without_a_warning(tmp_path):
    for name in ('mkdocs', 'material', 'mkdocstrings', 'latex2mathml'):
        pytest.importorskip(name)
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert '<math' in (tmp_path / 'methods/losses/index.html').read_text()
    assert 'second stages on cached features' in (tmp_path / 'which_method/index.html').read_text()


def test_prose_of_the_docs_is_wrapped():
    pages = [ROOT / 'README.md', ROOT / 'CHANGELOG.md', *(ROOT / 'docs').rglob('*.md')]
    for page in pages:
        if page.name != 'compatibility.md':  # written by a program
            prose = re.sub(r'```.*?```', '', page.read_text(), flags=re.S).splitlines()
            long = [line for line in prose if len(line) > 120 and not line.lstrip().startswith(('|', '$$', '<'))]
            assert not long, f'{page.name}: {long[0][:60]}'

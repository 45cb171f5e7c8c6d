"""Public signatures of core and data carry type hints, and the wheel says so."""
import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for room in ('core', 'data') for path in (ROOT / 'mmlt' / room).rglob('*.py'))


def public_functions(node):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and child.name[0] != '_':
            yield from public_functions(child)
        elif isinstance(child, ast.FunctionDef) and (child.name[0] != '_' or child.name in ('__init__', '__call__')):
            yield child


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arguments_have_hints(path):
    bare = [f'{function.name}({arg.arg})' for function in public_functions(ast.parse(path.read_text()))
            for arg in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
            if arg.annotation is None and arg.arg not in ('self', 'cls')]
    assert not bare


def test_the_package_says_that_it_has_hints():
    assert (ROOT / 'mmlt/py.typed').is_file() and 'py.typed' in (ROOT / 'setup.py').read_text()

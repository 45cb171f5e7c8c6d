"""Load a script of tools/ as a module."""
import importlib.util
from pathlib import Path

TOOLS = Path(__file__).parents[1] / 'tools'


def tool(name):
    spec = importlib.util.spec_from_file_location(f'{name}_tool', TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""Load the code of a command as a module of its own."""
import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / 'tools'


def tool(name):
    spec = importlib.util.spec_from_file_location(f'{name}_tool', ROOT / f'mmlt/cli/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

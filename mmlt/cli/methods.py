"""Every method: mmlt methods [WORD], and mmlt methods NAME --show for its formula and docstring.

The cost is that of a whole training against one with cross entropy (CE), as benchmarks/methods.py measured it; the
evidence is what docs/results.md and benchmarks/results hold, else what the table of rules quotes.
"""
import inspect


def add_arguments(p):
    p.add_argument('word', nargs='?', default='', help='only those whose name, paper, family or text has it')
    p.add_argument('--show', action='store_true', help='the overlay, and the docstrings of the classes that it uses')
    p.add_argument('--task', choices=['cls', 'det', 'seg'], default='cls')


def rows(word='', task='cls'):
    """[(method, cost, evidence)] of the overlays that have the word."""
    from mmlt.report.rules import RULES

    from .names import evidence, folder, methods, results
    rules = [rule for rule in RULES if (rule.condition == 'detection') == (task == 'det')]
    known = {name: rule for rule in rules for name in rule.overlays}
    found, numbers = [], results(folder().parent) if task == 'cls' else {}
    for method in methods('' if task == 'cls' else task).values():
        if word.lower() in f'{method.name} {method.text} {method.family}'.lower():
            rule = known.get(method.name)
            text = evidence(method.name, numbers) or ('{} ({})'.format(*rule.evidence[0]) if rule else '')
            found.append((method, method.cost, text))
    return found


def run(args):
    from rich.console import Console
    from rich.table import Table

    from mmlt.report.table import print_table
    found = rows(args.word, args.task)
    exact = [row for row in found if row[0].name == args.word]
    if not found:
        raise ValueError(f'no method has {args.word!r}; mmlt methods lists all')
    console = Console(highlight=False, soft_wrap=True)
    if args.show:
        for method, price, evidence in exact or found[:3]:
            show(method, price, evidence, console)
        return
    table = Table('method', 'family', 'paper', 'cost', 'evidence')
    for method, price, evidence in found:
        table.add_row(method.name, method.family, method.paper or method.text, price, evidence)
    print_table(table, console)
    console.print(f'{len(found)} method{"s" * (len(found) != 1)}. Train one: mmlt train DATA METHOD; more about it: '
                  'mmlt methods METHOD --show', markup=False)


def show(method, price, evidence, console):
    """Print an overlay and what its classes say of themselves."""
    from .names import parts
    console.rule(method.name)
    console.print(method.text, markup=False)
    for name, text in (('cost', price), ('evidence', evidence), ('overlay', str(method.path))):
        if text:
            console.print(f'{name}: {text}', markup=False)
    console.print('\n' + method.path.read_text(), markup=False)
    for name in parts(method.path):
        if cls := find_class(name):
            console.print(f'{name}\n{inspect.getdoc(cls) or ""}\n', markup=False)


def find_class(name):
    """The class of mmlt that is registered under a name, or None."""
    from importlib import import_module

    from mmlt.registry import ROWS
    packages = [p for rows in ROWS.values() for row in rows.values() for p in row]
    for package in packages:
        try:
            found = getattr(import_module(package), name, None)
        except (ImportError, RuntimeError):
            continue
        if found is not None:
            return found


def main(args=None):
    from . import run_alone
    run_alone(__doc__, add_arguments, run, args)

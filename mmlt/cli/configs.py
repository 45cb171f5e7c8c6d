"""The data configs that come with mmlt: mmlt configs [WORD]"""


def add_arguments(p):
    p.add_argument('word', nargs='?', default='', help='only those whose name or description has it')


def run(args):
    from rich.console import Console
    from rich.table import Table

    from mmlt.report.table import print_table

    from .names import configs
    table = Table('data set', 'what', 'file')
    for name, (text, path) in configs().items():
        if args.word.lower() in f'{name} {text}'.lower():
            table.add_row(name, text, str(path))
    if not table.row_count:
        raise ValueError(f'no data config has {args.word!r}; mmlt configs lists all')
    console = Console(highlight=False)
    print_table(table, console)
    console.print('Train one: mmlt train NAME [METHOD ...]', markup=False)


def main(args=None):
    from . import run_alone
    run_alone(__doc__, add_arguments, run, args)

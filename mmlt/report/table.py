"""One table of results, for the terminal and for Markdown."""
import statistics

COLUMNS = {'top1': 'overall', 'mean_class': 'mean-class', 'many': 'many', 'medium': 'medium', 'few': 'few',
           'ece': 'ECE'}
SMALLER_IS_BETTER = {'ece'}


def print_table(table, console):
    """Print a rich table; where there is no terminal, as wide as it needs to be."""
    if not console.is_terminal:
        table.width = console.measure(table, options=console.options.update(width=1000)).maximum
    console.print(table, crop=console.is_terminal)


def print_results(rows, columns=COLUMNS, title=None, console=None):
    """Print methods x metrics with rich and return the same table as Markdown, see :func:`results_table`.

    Args:
        title (str, optional): heading of the printed table.
        console (rich.console.Console, optional): where to print.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table('method', title=title)
    for heading in columns.values():
        table.add_column(heading, justify='right', no_wrap=True)
    for method, cells in _cells(rows, columns).items():
        table.add_row(escape(str(method)), *(f'[bold]{text}[/bold]' if bold else text for bold, text in cells))
    print_table(table, console or Console())
    return results_table(rows, columns)


def results_table(rows, columns=COLUMNS):
    """Methods x metrics in Markdown; the best of each column is bold.

    Args:
        rows (dict): method -> metrics of :class:`~mmlt.engine.metric.LongTailMetric` (with or without its prefix), or
            a list of them, one a seed, shown as mean ± standard deviation (of the sample, n - 1).
        columns (dict): metric -> heading.

    >>> print(results_table({'CE': {'lt/top1': 41.5}, 'LWS': [{'lt/top1': 45}, {'lt/top1': 47}]}, {'top1': 'overall'}))
    | method | overall |
    |---|---:|
    | CE | 41.50 |
    | LWS | **46.00 ± 1.41** |
    """
    lines = ['| method | ' + ' | '.join(columns.values()) + ' |', '|---|' + '---:|' * len(columns)]
    for method, cells in _cells(rows, columns).items():
        lines.append(f'| {method} | ' + ' | '.join(f'**{text}**' if bold else text for bold, text in cells) + ' |')
    return '\n'.join(lines)


def _cells(rows, columns):
    """{method: [(best of its column, text)]}."""
    means, texts = {}, {}
    for method, seeds in rows.items():
        seeds = [seeds] if isinstance(seeds, dict) else seeds
        for key in columns:
            values = [value for seed in seeds for name, value in seed.items() if name.split('/')[-1] == key]
            if values:
                spread = f' ± {statistics.stdev(values):.2f}' if len(values) > 1 else ''
                means[method, key] = statistics.fmean(values)
                texts[method, key] = f'{means[method, key]:.2f}{spread}'
    best = set()
    for key in columns:
        column = {cell: value for cell, value in means.items() if cell[1] == key}
        if len(column) > 1:
            target = (min if key in SMALLER_IS_BETTER else max)(column.values())
            best |= {cell for cell, value in column.items() if value == target}
    return {method: [((method, key) in best, texts.get((method, key), '–')) for key in columns] for method in rows}

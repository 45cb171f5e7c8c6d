"""The table of a sweep: mean ± standard deviation over seeds beside the published numbers."""
import csv
import io
import json
import statistics

from .table import COLUMNS

PUBLISHED = ('published', 'source', 'split')


def summarize(results, seeds, published=()):
    """One row a config, for :func:`to_csv`, :func:`to_markdown` and :func:`to_rich`.

    Args:
        results (dict): name -> list of results, one dict a finished seed, with ``metrics`` (keys with or without
            prefix) and any of ``method``, ``data``, ``imbalance`` and ``point``, the settings that were varied.
        seeds (int): seeds that were asked for.
        published (list[dict]): tables with ``top1`` (method -> accuracy), ``source``, ``split``, and ``data`` and
            ``imbalance`` where they are of one set.

    >>> ce, drs = dict(method='ce', data='cifar100_lt'), dict(method='drs', data='cifar100_lt')
    >>> rows = summarize({'ce': [dict(ce, metrics={'lt/mean_class': x}) for x in (40., 42.)],
    ...                   'drs': [dict(drs, metrics={'lt/mean_class': 44.})]}, 2,
    ...                  [dict(source='a paper', split='IF 100', data='cifar100_lt', top1=dict(ce=38.3))])
    >>> print(to_markdown(rows))
    | config | seeds | overall | mean-class | many | medium | few | ECE | against CE | published | source | split |
    |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|
    | ce | 2 | – | 41.00 ± 1.41 | – | – | – | – | +0.00 | 38.30 | a paper | IF 100 |
    | drs | 1 of 2 | – | 44.00 | – | – | – | – | +3.00 | – | – | – |
    """
    rows, plain = [], {}
    for name, finished in results.items():
        about = finished[0] if finished else {}
        row = dict(config=name, seeds=len(finished), of=max(seeds, len(finished)))
        for key in COLUMNS:
            values = [value for result in finished if (value := _metric(result['metrics'], key)) is not None]
            row[key] = statistics.fmean(values) if values else None
            row[f'{key}_sd'] = statistics.stdev(values) if len(values) > 1 else None
        data = json.dumps([about.get('data'), about.get('imbalance'), about.get('point')])
        if about.get('method') == 'ce':
            plain[data] = row['mean_class']
        table = next((table for table in published if _fits(table, about)), {})
        rows.append((data, dict(row, against_ce=None, published=table.get('top1', {}).get(about.get('method')),
                                source=table.get('source'), split=table.get('split'))))
    for data, row in rows:
        if None not in (row['mean_class'], plain.get(data)):
            row['against_ce'] = row['mean_class'] - plain[data]
    return [row for _, row in rows]


def _fits(table, about):
    """True if the table of published numbers has this method on this data."""
    return about.get('method') in table['top1'] and all(
        table.get(key) in (None, about.get(key)) for key in ('data', 'imbalance'))


def _metric(metrics, key):
    names = [name for name in metrics if name.split('/')[-1] == key]
    return metrics['lt/' + key if 'lt/' + key in names else names[0]] if names else None


def to_csv(rows):
    """Text of a CSV file with full precision; a missing number is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cells(row):
    texts = [row['config'], str(row['seeds']) if row['seeds'] == row['of'] else f'{row["seeds"]} of {row["of"]}']
    for key in COLUMNS:
        spread = '' if row[f'{key}_sd'] is None else f' ± {row[f"{key}_sd"]:.2f}'
        texts.append('–' if row[key] is None else f'{row[key]:.2f}{spread}')
    texts.append('–' if row['against_ce'] is None else f'{row["against_ce"]:+.2f}')
    texts.append('–' if row['published'] is None else f'{row["published"]:.2f}')
    return texts + [row['source'] or '–', row['split'] or '–']


def to_markdown(rows):
    """The table in Markdown."""
    lines = [['config', 'seeds', *COLUMNS.values(), 'against CE', *PUBLISHED]]
    lines += [[text.replace('|', r'\|') for text in _cells(row)] for row in rows]
    lines = [f'| {" | ".join(cells)} |' for cells in lines]
    return '\n'.join([lines[0], '|---|' + '---:|' * (3 + len(COLUMNS)) + '---|---|', *lines[1:]])


def to_rich(rows):
    """The table for a terminal, with sources and splits below."""
    from rich.markup import escape
    from rich.table import Table
    sources = sorted({f'{row["source"] or "–"}, {row["split"] or "–"}' for row in rows if row['published'] is not None})
    table = Table(caption='published: ' + escape('; '.join(sources)) if sources else None)
    table.add_column('config', no_wrap=True)
    for heading in ('seeds', *COLUMNS.values(), 'against CE', 'published'):
        table.add_column(heading, justify='right', no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, _cells(row)[:-2]))
    return table

"""The table of a sweep: mean ± standard deviation over seeds beside the published numbers."""
import csv
import io
import statistics

from .table import COLUMNS

PUBLISHED = ('published', 'source', 'split')


def summarize(results, seeds, published=None):
    """One row a config, for :func:`to_csv`, :func:`to_markdown` and :func:`to_rich`.

    Args:
        results (dict): config -> list of metrics, one dict a finished seed, keys with or without prefix.
        seeds (int): seeds that were asked for.
        published (dict, optional): config -> dict with any of top1, source, split.

    >>> rows = summarize({'ce': [{'lt/top1': 40.0}, {'lt/top1': 42.0}], 'drs': []}, 2,
    ...                  {'ce': dict(top1=38.3, source='a paper', split='IF 100')})
    >>> print(to_markdown(rows))
    | config | seeds | overall | mean-class | many | medium | few | ECE | published | source | split |
    |---|---:|---:|---:|---:|---:|---:|---:|---:|---|---|
    | ce | 2 | 41.00 ± 1.41 | – | – | – | – | – | 38.30 | a paper | IF 100 |
    | drs | 0 of 2 | – | – | – | – | – | – | – | – | – |
    """
    rows = []
    for name, finished in results.items():
        paper = (published or {}).get(name, {})
        row = dict(config=name, seeds=len(finished), of=seeds)
        for key in COLUMNS:
            values = [value for metrics in finished if (value := _metric(metrics, key)) is not None]
            row[key] = statistics.fmean(values) if values else None
            row[f'{key}_sd'] = statistics.stdev(values) if len(values) > 1 else None
        rows.append(dict(row, published=paper.get('top1'), source=paper.get('source'), split=paper.get('split')))
    return rows


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
    texts.append('–' if row['published'] is None else f'{row["published"]:.2f}')
    return texts + [row['source'] or '–', row['split'] or '–']


def to_markdown(rows):
    """The table in Markdown."""
    lines = [['config', 'seeds', *COLUMNS.values(), *PUBLISHED]]
    lines += [[text.replace('|', r'\|') for text in _cells(row)] for row in rows]
    lines = [f'| {" | ".join(cells)} |' for cells in lines]
    return '\n'.join([lines[0], '|---|' + '---:|' * (2 + len(COLUMNS)) + '---|---|', *lines[1:]])


def to_rich(rows):
    """The table for a terminal, with sources and splits below."""
    from rich.markup import escape
    from rich.table import Table
    sources = sorted({f'{row["source"] or "–"}, {row["split"] or "–"}' for row in rows if row['published'] is not None})
    table = Table(caption='published: ' + escape('; '.join(sources)) if sources else None)
    table.add_column('config', no_wrap=True)
    for heading in ('seeds', *COLUMNS.values(), 'published'):
        table.add_column(heading, justify='right', no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, _cells(row)[:-2]))
    return table

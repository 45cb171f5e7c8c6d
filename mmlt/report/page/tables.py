"""The table of the answer: for the page, for Markdown, for LaTeX."""
import statistics

import numpy as np

COLUMNS = {'top1': 'overall', 'mean_class': 'mean-class', 'many': 'many', 'medium': 'medium', 'few': 'few',
           'worst_class': 'worst class', 'ece': 'ECE', 'seconds': 'seconds', 'parameters': 'parameters'}
SMALLER = 'ece', 'seconds', 'parameters'
PLAIN = 'seconds', 'parameters'  # not percent, and no best


def answer_table(methods, gaps):
    """Columns {key: heading} and rows of cells: text, value, whether best, note on the noise.

    Args:
        gaps (dict): of :func:`~.compare.differences`.
    """
    columns = {key: text for key, text in COLUMNS.items() if any(m.metric(key) for m in methods)}
    best = {}
    for key in columns:
        means = [np.mean(m.metric(key)) for m in methods if m.metric(key)]
        if len(set(means)) > 1 and key not in PLAIN:
            best[key] = min(means) if key in SMALLER else max(means)
    rows = []
    for method in methods:
        cells = []
        for key in columns:
            values = method.metric(key)
            mean = float(np.mean(values)) if values else None
            gap = gaps.get(key, {}).get(method.name)
            note = ''
            if gap:
                note = f'{gap[0]:.1f} points below the best, 95 % interval {gap[1]:.1f} to {gap[2]:.1f}'
            cells.append(dict(key=key, value=mean, text=cell_text(key, values), best=values and mean == best.get(key),
                              noise=bool(gap and gap[1] <= 0), note=note))
        rows.append((method, cells))
    return columns, rows


def cell_text(key, values):
    if not values:
        return '–'
    mean = statistics.fmean(values)
    if key == 'parameters':
        return f'{mean / 1e6:.2f} M' if mean >= 1e5 else f'{mean:,.0f}'
    if key == 'seconds':
        return f'{mean:,.0f}'
    return f'{mean:.1f}' + (f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else '')


def markdown(columns, rows):
    lines = ['| method | ' + ' | '.join(columns.values()) + ' |', '|---|' + '---:|' * len(columns)]
    for method, cells in rows:
        name = ' '.join(method.name.split()).replace('|', '\\|')
        lines.append(f'| {name} | ' + ' | '.join(f'**{c["text"]}**' if c['best'] else c['text'] for c in cells) + ' |')
    return '\n'.join(lines)


def latex(columns, rows):
    lines = [rf'\begin{{tabular}}{{l{"r" * len(columns)}}}', r'\toprule',
             'method & ' + ' & '.join(columns.values()) + r' \\', r'\midrule']
    for method, cells in rows:
        texts = [c['text'].replace('±', r'$\pm$').replace('–', '--') for c in cells]
        texts = [rf'\textbf{{{text}}}' if c['best'] else text for text, c in zip(texts, cells)]
        lines.append(f'{_tex(method.name)} & ' + ' & '.join(texts) + r' \\')
    return '\n'.join([*lines, r'\bottomrule', r'\end{tabular}'])


def _tex(text):
    special = {'\\': r'\textbackslash{}', '~': r'\textasciitilde{}', '^': r'\textasciicircum{}'}
    return ''.join(special.get(c, f'\\{c}' if c in '&%$#_{}' else c) for c in ' '.join(text.split()))

"""The diagnosis as a page and on the terminal.  C classes."""
import datetime
from importlib.resources import files
from pathlib import Path

import numpy as np

import mmlt

from ...core.files import write_text

SHOWN = 24  # pictures of a kind


def write_page(out, found, data):
    """Write the findings as one self-contained page without scripts."""
    from jinja2 import Environment, PackageLoader

    from ..page import pictures
    from ..page.svg import Chart
    pictured = {}
    for kind, place in (('suspects', -1), ('leaks', -2)):
        for row in found.get(kind, [])[:SHOWN]:
            pictured[kind, row[place]] = pictures.data_url(np.asarray(data.train.image(row[place])))
    counts = np.sort(np.array(found['counts']))[::-1]
    chart = Chart((1, len(counts)), (0, np.log10(max(counts.max(), 2))), 'class, the largest first',
                  'training images', 'training images of each class, the largest first', width=500, height=260,
                  ylog=True)
    chart.rule(y=np.log10(100))
    chart.rule(y=np.log10(20))
    ranks = np.arange(1, len(counts) + 1)
    chart.line(ranks, np.log10(np.maximum(counts, .8)), 's0')
    if len(counts) <= 200:
        chart.dots(ranks, np.log10(np.maximum(counts, .8)), 's0')
    page = files('mmlt.report.page')
    env = Environment(loader=PackageLoader('mmlt.report.diagnose', ''), autoescape=True, trim_blocks=True,
                      lstrip_blocks=True)
    out = Path(out)
    text = env.get_template('diagnose.html').render(
        found, chart=chart.render(), css=page.joinpath('style.css').read_text(), pictured=pictured,
        version=mmlt.__version__, made=datetime.datetime.now().isoformat(' ', 'minutes'), shown=SHOWN)
    write_text(out, text, 'replace')
    return out


def lines(found):
    """[(what, text, whether it is a warning)] for the terminal."""
    yield 'data', f'{found["path"]} ({found["kind"]})', False
    yield 'training images', f'{found["images"]:,} of {found["num_classes"]:,} classes, {found["largest"]:,} to ' \
                             f'{found["smallest"]:,} a class', False
    yield 'imbalance', f'{found["imbalance"]:.1f}; Gini {found["gini"]:.2f}; effective number of classes ' \
                       f'{found["effective"]:.1f}', False
    yield 'groups', '; '.join(f'{name}: {classes} {"class" if classes == 1 else "classes"}, {share:.0f} % of the images'
                              for name, classes, _, share in found['groups_table']), False
    tests = found['tests']
    yield 'test images', f'{tests:,}' if tests is not None else 'none: a part will be held out', tests is None
    for key, text in (('empty', 'classes without a training image'), ('tiny', 'classes with fewer than 5 images'),
                      ('empty_test', 'classes without a test image')):
        if found[key]:
            yield text, _listed(found[key]), True
    yield 'mirrored images', f'not allowed: {found["no_flip_why"]}' if found['no_flip'] else \
        'allowed (pass --no-flip if labels forbid them)', False
    if found.get('groups'):
        yield 'groups of images', found['groups'], False
    for name, (looked, total) in found['looked'].items():
        if total:
            yield f'{name} images opened', f'{looked:,} of {total:,}' + ('' if looked == total else
                                                                        ', as the time allowed (--seconds)'), False
    for key, text in (('broken', 'files that do not open'), ('odd', 'odd sizes or shapes')):
        if found[key]:
            yield text, _listed([row[1] for row in found[key]]), True
    for key, text in (('leaks', 'in training and test alike'), ('repeats', 'twice in training')):
        if found[key]:
            exact = sum(row[2] == 'exact' for row in found[key])
            yield text, f'{exact} exact and {len(found[key]) - exact} near duplicates, as ' \
                        f'{found[key][0][0]} = {found[key][0][1]}', True
    if 'features' in found:
        yield 'labels judged by', found['features'], False
        if found['suspects']:
            yield 'suspected labels', _listed([f'{name} ({label}, rather {other})'
                                               for name, label, other, *_ in found['suspects']]), True
        if found['overlaps']:
            yield 'overlapping classes', _listed([f'{a} and {b}' for a, b, _ in found['overlaps']]), True
        if found['swallowed']:
            yield 'swallowed tail classes', _listed([f'{a} by {b}' for a, _, b, *_ in found['swallowed']]), True


def show(found, console):
    """Print everything with rich."""
    from rich.markup import escape
    for what, text, warn in lines(found):
        console.print(f'[{"yellow" if warn else "bold"}]{escape(what)}[/]: {escape(text)}')
    console.print()
    if found['nothing']:
        console.print(found['nothing'], markup=False)
    for i, (rule, commands) in enumerate(found['recipes'], 1):
        console.print(f'[bold green]{i}. {escape(rule.name)}[/] (cost: {escape(rule.cost)})')
        console.print(f'   {rule.reason}', markup=False)
        for text, source in rule.evidence:
            console.print(f'   - {text} ({source})', markup=False, style='dim')
        for command in commands:
            console.print(f'   {command}', markup=False, soft_wrap=True)
    if found['rules']:
        console.print(found['no_winner'], markup=False)
    for note in found['notes']:
        console.print(f'note: {note}', markup=False)
    console.print(f'took {found["seconds"]:.1f} s')


def _listed(names, most=5):
    names = list(map(str, names))
    return f'{len(names)}: ' + ', '.join(names[:most]) + (', ...' if len(names) > most else '')

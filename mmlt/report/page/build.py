"""Everything on the page, put together.  C classes."""
import datetime
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader

import mmlt

from ...core.files import write_text
from ..progress import silent
from . import charts, pictures, provenance
from .compare import differences, groups_of, step, tail_of
from .runs import group, read_runs
from .tables import answer_table, latex, markdown

CHARTED = 6  # methods with a colour
ROWS, SOME = 1000, 300  # of the class table in the page itself: all up to 1,000 classes; search reaches the others


def write_report(runs, out, predictions=(), baseline=None, counts=None, title=None, errors=60, now=None,
                 progress=silent, say=lambda lines: None):
    """Write the page.

    Args:
        runs (list): work dirs, folders of them, refit folders, files of predictions.
        out (str): the .html file.
        predictions (list): further files of predictions.
        baseline (str, optional): the method that others are compared with class by class; default: cross entropy,
            by its name, else the first one that is not the best.
        counts (sequence, optional): training counts (C,) for predictions that have none.
        errors (int): how many wrong tail images to show, at most 200.
        progress: a function of what is done and which share of it.
        say: a function of the answer, a list of sentences.

    Returns:
        Path: of the page.

    Raises:
        ValueError: nothing to report, an unknown baseline, counts of another number of classes.
    """
    progress('reading runs', 0.)
    methods = group(read_runs(runs, predictions))
    progress('reading runs', 1.)
    for p in (p for m in methods for p in m.predictions):
        if p.counts is None and counts is not None:
            p.counts = np.asarray(counts, np.int64)
            p.__post_init__()
    context = collect(methods, baseline, min(errors, 200), progress)
    context.update(title=title or ('Report: ' + (methods[0].name if len(methods) == 1 else f'{len(methods)} methods')),
                   version=mmlt.__version__, made=(now or datetime.datetime.now()).isoformat(' ', 'minutes'))
    page = files(__package__)
    context.update(css=page.joinpath('style.css').read_text(), js=page.joinpath('script.js').read_text())
    env = Environment(loader=PackageLoader(__package__, ''), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    out = Path(out)
    write_text(out, env.get_template('page.html').render(context), 'replace')
    say(context['sentences'])
    return out


def collect(methods, baseline=None, errors=60, progress=silent):
    """What the template shows, by name."""
    asked = {name: m for m in methods for name in (m.name, m.first.name)}
    if baseline is not None and baseline not in asked:
        raise ValueError(f'no method {baseline!r}; there are {", ".join(asked)}')
    given = methods
    methods = sorted(methods, key=lambda m: -np.mean(m.metric('mean_class') or m.metric('top1') or [-1]))
    for slot, method in enumerate(methods):
        method.slot = slot if slot < CHARTED else ''
    best = methods[0]
    known = [m for m in methods if m.predictions]
    first = known[0].predictions[0] if known else None
    alike = [m for m in known if all(len(p.classes) == len(first.classes) for p in m.predictions)]
    shown = alike[:CHARTED]
    base = asked[baseline] if baseline else baseline_of([m for m in given if m in alike and m is not shown[0]])
    groups = groups_of(first) if first else {}
    gaps = differences(alike, groups, len(first.classes), progress=progress) if first else {}
    columns, rows = answer_table(methods, gaps)
    context = dict(methods=methods, best=best, shown=shown, base=base, columns=columns, rows=rows, gaps=gaps,
                   sentences=sentences(methods, gaps, first, groups), markdown=markdown(columns, rows),
                   latex=latex(columns, rows), groups=group_sizes(first, groups), first=first,
                   hidden=len(methods) - len(shown),
                   missing=[m.name for m in methods if not m.predictions and m.metrics],
                   unfinished=[m.name for m in methods if not m.predictions and not m.metrics])
    if first:
        progress('charts and pictures', .1)
        context.update(class_part(shown, base, first))
        context['reliability'], context['ece'] = charts.reliability_charts(shown)
        progress('charts and pictures', .4)
        context.update(error_part(shown[0], errors))
    logged = [m for m in methods if m.first.scalars][:CHARTED]
    context['curves'] = [c for c in (charts.curves(logged, *pair) for pair in (
        ('loss', 'training loss'), ('lt/mean_class', 'mean-class accuracy (%)'), ('lt/few', 'few-shot accuracy (%)'),
        ('lr', 'learning rate'))) if c]
    progress('charts and pictures', .8)
    context['schedule'] = charts.schedule(logged)
    context.update(difference=provenance.config_difference([m for m in methods if m.first.config][:CHARTED]),
                   configured=[m.name for m in methods if m.first.config][:CHARTED],
                   facts=provenance.facts(methods[:CHARTED]), named=[m.name for m in methods[:CHARTED]])
    return context


def baseline_of(methods):
    """Cross entropy, by its name, or the joint classifier of a refit; else the first."""
    plain = [m for m in methods if re.fullmatch(r'ce|joint|baseline', re.split(r'[_/]', m.name.lower())[0])]
    return next(iter(plain + methods), None)


def class_part(shown, base, first):
    """Accuracy by class: charts, the table and the data behind it."""
    counts = None if first.counts is None else np.asarray(first.counts)
    tested = np.bincount(first.label, minlength=len(first.classes))
    order = np.argsort(counts if counts is not None else shown[0].class_accuracy, kind='stable')
    accuracy = [m.class_accuracy for m in shown]
    part = dict(classes=[dict(index=int(c), name=first.classes[c], count=None if counts is None else int(counts[c]),
                              tested=int(tested[c]), accuracy=[_or_none(a[c]) for a in accuracy],
                              gain=_gain(shown[0], base, c)) for c in order])
    part['rows_in_page'] = ROWS if len(order) <= ROWS else SOME
    part['data'] = dict(names=first.classes, counts=None if counts is None else counts.tolist(), tested=tested.tolist(),
                        order=order.tolist(), methods=[m.name for m in shown], slots=[m.slot for m in shown],
                        accuracy=[[_or_none(v) for v in a] for a in accuracy],
                        gain=[_gain(shown[0], base, c) for c in range(len(first.classes))] if base else None)
    part['tail'] = tail_of(first)[0]
    part['destinations'] = [(m, charts.destinations(m)) for m in shown] if counts is not None else []
    sides = dict.fromkeys(m.name for m in ([base] if base else []) + shown[:1])
    zero = counts if counts is not None else np.zeros(len(first.classes), int)
    part['flows'] = [(m, charts.flow(pairs, first.classes, zero.tolist(), f'classes that take the tail of {m.name}'))
                     for name in sides for m in [next(m for m in [*shown, base] if m and m.name == name)]
                     if (pairs := charts.confusions(m))]
    part['confusions'] = {m.name: charts.confusions(m, 10) for m, _ in part['flows']}
    if counts is not None:
        part['accuracy_chart'] = charts.accuracy_chart(shown, counts)
        others = [m for m in shown if m is not base]
        part['gain_chart'] = charts.accuracy_chart(others, counts, base) if base else None
        part['weights'] = charts.weight_charts(shown, counts)
    if base:
        gain = [(c['gain'], c) for c in part['classes'] if c['gain'] is not None]
        part['gained'] = [c for g, c in sorted(gain, key=lambda x: -x[0])[:8] if g > 0]
        part['lost'] = [c for g, c in sorted(gain, key=lambda x: x[0])[:8] if g < 0]
        part['balance'] = sum(g > 0 for g, _ in gain), sum(g < 0 for g, _ in gain), len(gain)
    return part


def error_part(method, most):
    """Wrong tail images of the best method, its first seed."""
    p = method.first.predictions or method.predictions[0]
    run = next(run for run in method.runs if run.predictions is p)
    wrong = pictures.tail_errors(p, most)
    images, why = pictures.pictures_of(run, wrong) if wrong else ({}, '')
    rows = [dict(label=p.classes[p.label[i]], predicted=p.classes[p.top[i, 0]], index=i,
                 image=images.get(i, (None, None))[0], cam=images.get(i, (None, None))[1],
                 confidence=None if p.score is None else 100 * float(p.score[i, 0]))
            for i in wrong if i in images or not images]
    return dict(errors=rows, errors_of=method.name, no_images=why)


def sentences(methods, gaps, first, groups):
    """The answer in words."""
    key = 'mean_class' if methods[0].metric('mean_class') else 'top1'
    name = {'mean_class': 'mean-class accuracy', 'top1': 'accuracy'}[key]
    best, lines = methods[0], []
    if not best.metric(key):
        return ['No accuracies were found.']
    if len(methods) == 1:
        lines.append(f'{best.name} reaches {np.mean(best.metric(key)):.1f} % {name}.')
    else:
        lines.append(f'{best.name} has the highest {name}: {np.mean(best.metric(key)):.1f} %.')
    row = gaps.get(key, {})
    level = [m for m, gap in row.items() if gap[1] <= 0]
    behind = {m: gap for m, gap in row.items() if gap[1] > 0}
    if level:
        lines.append(f'Within noise of it on these test images: {_listed(level)}.')
    if behind:
        m, gap = min(behind.items(), key=lambda item: item[1][0])
        lines.append(f'{"The others are" if len(behind) > 1 else m + " is"} behind by more than noise: '
                     + (f'the nearest, {m}, by ' if len(behind) > 1 else '')
                     + f'{gap[0]:.1f} points (95 % interval {gap[1]:.1f} to {gap[2]:.1f}).')
    if row:
        lines.append('Intervals: paired bootstrap over test images'
                     + ('; with one seed a run they say nothing about training again with another seed.'
                        if all(len(m.runs) == 1 for m in methods) else ', of the mean over seeds.'))
    for name, mask in groups.items():
        images = int(mask[first.label].sum())
        if step(first, mask) >= 1:
            lines.append(f'{name.capitalize()}-shot accuracy rests on {images:,} test images of {_classes(mask)}: '
                         f'one image more or less moves it by up to {step(first, mask):.1f} points.')
    return lines


def group_sizes(first, groups):
    return {name: dict(classes=_classes(mask), images=int(mask[first.label].sum()), step=step(first, mask))
            for name, mask in groups.items()}


def _classes(mask):
    return '1 class' if mask.sum() == 1 else f'{int(mask.sum()):,} classes'


def _listed(names):
    return ', '.join(names[:6]) + (f' and {len(names) - 6} more' if len(names) > 6 else '')


def _gain(best, base, c):
    value = None if base is None else best.class_accuracy[c] - base.class_accuracy[c]
    return None if value is None else _or_none(value)


def _or_none(value):
    return round(float(value), 1) if np.isfinite(value) else None

"""The page's charts.  C classes, N test images."""
import numpy as np

from ...core.calibration import ece, reliability_bins
from .compare import groups_of, tail_of
from .schedule import shares_of
from .svg import Chart, picture, shorten, shorten_apart

BINS, WIDE = 10, 500


def smooth(counts, values, at, width=.18):
    """Kernel mean of values (C,) over log10 counts (C,), NaNs left out, at the counts ``at``."""
    use = np.isfinite(values)
    x, y, grid = (np.log10(np.maximum(v, .5)) for v in (counts[use], np.ones(use.sum()), at))
    y = values[use]
    weight = np.exp(-.5 * ((grid[:, None] - x) / width) ** 2)
    with np.errstate(invalid='ignore', divide='ignore'):
        return (weight @ y) / weight.sum(1)


def accuracy_chart(methods, counts, reference=None):
    """One dot a class and a smoothed line a method; with a reference, the gain over it."""
    values = [m.class_accuracy - (0 if reference is None else reference.class_accuracy) for m in methods]
    seen = np.concatenate([v[np.isfinite(v)] for v in values])
    span = (0, 100) if reference is None else (min(seen.min(), -5), max(seen.max(), 5))
    ylabel = 'accuracy (%)' if reference is None else f'points above {shorten(reference.name, 24)}'
    label = f'{ylabel} of each class against its training images'
    chart = Chart((counts.min(), counts.max()), span, 'training images of the class', ylabel, label, True,
                  kind='classes', width=WIDE, height=300)
    if reference is not None:
        chart.rule(y=0)
    grid = np.geomspace(max(counts.min(), .5), max(counts.max(), 1), 40)
    for i, v in enumerate(values):
        chart.dots(counts, v, f's{methods[i].slot}')
    for i, v in enumerate(values):
        chart.line(grid, smooth(counts, v, grid), f's{methods[i].slot}')
    return chart.render()


def reliability_charts(methods):
    """{group: chart} and rows (method, {group: ECE in percent}); accuracy against confidence, a line a method."""
    masks = {'all': None, **groups_of(methods[0].predictions[0])}
    charts, errors = {}, {m.name: {} for m in methods}
    for group, mask in masks.items():
        chart = Chart((0, 100), (0, 100), 'confidence (%)', 'accuracy (%)',
                      f'accuracy against confidence, {group} classes', width=300, height=240)
        chart.add('<path class="rule" d="M{:.0f} {:.0f}L{:.0f} {:.0f}"/>'.format(*chart.at(0, 0), *chart.at(100, 100)))
        for method in methods:
            parts = [(p.score[:, 0], p.right, np.ones(len(p.label), bool) if mask is None else mask[p.label])
                     for p in method.predictions if p.score is not None]
            if not parts:
                continue
            confidence, right, use = (np.concatenate(column) for column in zip(*parts))
            confidence, right = np.minimum(confidence[use], 1), right[use]
            count, mean, accuracy = reliability_bins(confidence, right, BINS)
            enough = np.where(count >= max(3, len(right) / 500), 100., np.nan)
            chart.line(100 * mean, accuracy * enough, f's{method.slot}')
            chart.dots(np.nan_to_num(100 * mean), accuracy * enough, f's{method.slot} big')
            errors[method.name][group] = 100 * np.mean([ece(c[u], r[u]) for c, r, u in parts])
        charts[group] = chart.render()
    return charts, errors


def destinations(method):
    """Where the tail's images go: {'right': percent, 'many': ..., 'medium': ..., 'few': ...} of wrong ones by group."""
    shares = []
    for p in method.predictions:
        _, tail = tail_of(p)
        mine = tail[p.label]
        right, pred = p.right[mine], p.top[mine, 0]
        row = {'right': right.mean()}
        row.update((name, (mask[pred] & ~right).mean()) for name, mask in groups_of(p).items())
        shares.append(row)
    return {key: 100 * float(np.mean([row.get(key, 0) for row in shares])) for key in shares[0]}


def confusions(method, most=20):
    """[(true class, predicted class, images)] of tail images that a larger class takes, the most images first; the mean
    over the seeds."""
    pairs = {}
    for p in method.predictions:
        _, tail = tail_of(p)
        counts = np.zeros(len(p.classes)) if p.counts is None else np.asarray(p.counts)
        pred = p.top[:, 0]
        use = tail[p.label] & ~p.right & ((counts[pred] > counts[p.label]) | (p.counts is None))
        keys, images = np.unique(p.label[use] * len(p.classes) + pred[use], return_counts=True)
        for key, n in zip(keys.tolist(), images.tolist()):
            pairs[key] = pairs.get(key, 0) + n / len(method.predictions)
    size = len(method.predictions[0].classes)
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [(key // size, key % size, n) for key, n in ranked]


def flow(pairs, names, counts, label):
    """A flow from true classes at the left to predicted ones at the right."""
    width, top, gap = 420, 22, 5
    left, right = (list(dict.fromkeys(pair[side] for pair in pairs)) for side in (0, 1))
    right.sort(key=lambda c: -counts[c])
    left.sort(key=lambda c: counts[c])
    total = sum(n for *_, n in pairs)
    rows = max(len(left), len(right))
    scale = max(rows * 15, 120) / total
    size = {side: {c: max(sum(pair[2] for pair in pairs if pair[side] == c) * scale, 11) for c in classes}
            for side, classes in ((0, left), (1, right))}
    parts, at, heights = [], {}, []
    for side, classes in ((0, left), (1, right)):
        y = top
        for c in classes:
            at[side, c] = y
            y += size[side][c] + gap
        heights.append(y)
    used = dict.fromkeys(at, 0.)
    for a, b, n in pairs:
        h = n * scale
        y0, y1 = at[0, a] + used[0, a] + h / 2, at[1, b] + used[1, b] + h / 2
        used[0, a], used[1, b] = used[0, a] + h, used[1, b] + h
        parts.append(f'<path class="flow" stroke-width="{max(h, 1):.1f}" d="M156 {y0:.1f}C210 {y0:.1f} 210 {y1:.1f} '
                     f'264 {y1:.1f}"><title>')
        parts.append(_escape(f'{names[a]} → {names[b]}: {n:g} images') + '</title></path>')
    short = shorten_apart({str(names[c]) for c in (*left, *right)})
    for side, classes in ((0, left), (1, right)):
        for c in classes:
            y, h = at[side, c], size[side][c]
            x, anchor = (147, 'end') if side == 0 else (273, 'start')
            parts.append(f'<rect class="{"tail" if side == 0 else "head"}" x="{150 if side == 0 else 264}" y="{y:.1f}" '
                         f'width="6" height="{h:.1f}"/><text x="{x}" y="{y + h / 2 + 4:.1f}" text-anchor="{anchor}">'
                         f'{_escape(short[str(names[c])])} <tspan class="faint">{counts[c]:,}</tspan>'
                         f'<title>{_escape(names[c])}</title></text>')
    parts.append('<text x="147" y="13" text-anchor="end" class="name">true class</text>'
                 '<text x="273" y="13" class="name">predicted</text>')
    return picture(parts, width, max(heights) + 4, label)


def _escape(text):
    from markupsafe import escape
    return str(escape(str(text)))


def weight_charts(methods, counts):
    """Norms of the classifier's weights, relative to their mean, and its biases against the counts; what is there."""
    charts = []
    for key, ylabel in (('norm', 'weight norm / mean'), ('bias', 'bias')):
        rows = [(m, m.first.classifier[key]) for m in methods
                if m.first.classifier and m.first.classifier[key] is not None]
        rows = [(m, v) for m, v in rows if len(v) == len(counts)]
        if not rows:
            continue
        values = np.concatenate([v for _, v in rows])
        chart = Chart((counts.min(), counts.max()), (values.min(), values.max()), 'training images of the class',
                      ylabel, f'{ylabel} of each class against its training images', True, kind='classes',
                      width=WIDE)
        for method, v in rows:
            chart.dots(counts, v, f's{method.slot}')
        grid = np.geomspace(max(counts.min(), .5), max(counts.max(), 1), 40)
        for method, v in rows:
            chart.line(grid, smooth(counts, v, grid), f's{method.slot}')
        charts.append(chart.render())
    return charts


def curves(methods, key, ylabel):
    """A logged number against the epoch, of the first seed of each method; None if no run logged it."""
    lines = [(m, *series(m.first, key)) for m in methods]
    lines = [(m, x, y) for m, x, y in lines if len(x)]
    if not lines:
        return None
    xs, ys = (np.concatenate([line[i] for line in lines]) for i in (1, 2))
    low, high = min(ys.min(), 0) if key.startswith('lt/') else ys.min(), ys.max()
    if key == 'loss':  # the first steps of one method do not flatten all
        high = max(np.quantile(y[len(y) // 20:], .98) for *_, y in lines)
    chart = Chart((0, xs.max()), (low, high), 'epoch', ylabel, f'{ylabel} against the epoch')
    for method, _, _ in lines:
        for begin, text in method.first.plan[0][1:]:
            chart.rule(x=begin, kind=f'switch s{method.slot}', text=f'{method.name}: {text} from epoch {begin}')
    for method, x, y in lines:
        chart.line(x, y, f's{method.slot}')
        if len(x) < 8:
            chart.dots(x, y, f's{method.slot} big')
    return chart.render()


def series(run, key):
    """Epochs and values of a logged number; the last of each epoch."""
    last = {}
    for line in run.scalars:
        if key in line:
            last[line.get('epoch', line['step']) if 'iter' in line else line['step']] = line[key]
    x = np.array(sorted(last), float)
    return x, np.array([float(last[v]) if last[v] is not None else np.nan for v in x])


def schedule(methods):
    """One lane a plan: which sampler draws, what else a stage changes, and the share of each group in the draws, by
    epoch; None without configs."""
    lanes = {}  # methods of one plan share a lane
    for m in methods:
        plan, drawn = m.first.plan, shares(m.first)
        if plan[0]:
            lanes.setdefault(repr((plan, drawn)), (*plan, drawn, []))[-1].append(m.name)
    if not lanes:
        return None
    lanes = lanes.values()
    end, width, y = max(lane[1] for lane in lanes), 420, 0
    parts = []
    for stages, epochs, drawn, names in lanes:
        parts.append(f'<text x="2" y="{y + 12}">{_escape(shorten(", ".join(names), 60))}'
                     f'<title>{_escape(", ".join(names))}</title></text>')
        ends = [begin for begin, _ in stages[1:]] + [epochs]
        for k, ((begin, text), stop) in enumerate(zip(stages, ends)):
            x, w = 2 + 414 * begin / end, 414 * max(stop - begin, 0) / end
            title, name = _escape(f'{text}: epoch {begin} to {stop}'), _escape(shorten(text, max(int(w / 7.2), 2)))
            parts.append(f'<rect class="l{min(k, 3)}" x="{x:.1f}" y="{y + 17}" width="{max(w - 1, 1):.1f}" height="17">'
                         f'<title>{title}</title></rect><text class="small" x="{x + 4:.1f}" y="{y + 30}">{name}</text>')
        parts += [part for begin, stop, share in drawn
                  for part in _stack(share, (begin, stop), 2 + 414 * begin / end, 414 * (stop - begin) / end, y + 36)]
        y += 84 if drawn else 40
    for x, anchor, text in ((2, 'start', '0'), (209, 'middle', 'epoch'), (416, 'end', f'{end:g}')):
        parts.append(f'<text class="name" x="{x}" y="{y + 12}" text-anchor="{anchor}">{text}</text>')
    return picture(parts, width, y + 18, 'which sampler draws in which epoch, and the share of each group in it')


def shares(run):
    """[(first epoch, end, {group: share})] of what the samplers of a run draw; [] where that is not known."""
    groups = groups_of(run.predictions, untested=True) if run.predictions else {}
    try:
        drawn = shares_of(run.config, run.predictions.counts, groups) if groups else []
    except (TypeError, ValueError, AttributeError):  # settings of another version
        return []
    return [(begin, stop, dict(zip(groups, share))) for begin, stop, share in drawn]


def _stack(share, epochs, x, width, top, height=38):
    """The groups' shares of the draws, one above the other."""
    text = 'epoch {} to {}: '.format(*epochs) + ', '.join(f'{name} {100 * v:.1f} %' for name, v in share.items())
    for name, v in share.items():
        h = height * float(v)
        yield (f'<rect class="f-{name}" x="{x:.1f}" y="{top:.1f}" width="{width:.2f}" height="{h:.1f}">'
               f'<title>{text}</title></rect>')
        top += h

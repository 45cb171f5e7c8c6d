"""Charts as SVG text, drawn on the server: they show without scripts and take their colours from the page's style."""
import math
from collections import Counter

from markupsafe import Markup, escape

LEFT, RIGHT, TOP, BOTTOM = 54, 12, 12, 40


class Chart:
    """Axes with a linear or logarithmic scale.

    Args:
        x, y (tuple): the range of the data; a range of no extent is widened.
        label (str): what a screen reader says.
        xlog (bool): logarithmic x; values below 1 stand at 1/2.
        ylog (bool): y is given as its decimal logarithm; the ticks are powers of ten.
        ticks (list, optional): (value, text) of the x axis instead of numbers.
    """

    def __init__(self, x, y, xlabel, ylabel, label, xlog=False, width=420, height=280, kind='',
                 ylog=False):
        self.width, self.height, self.xlog, self.ylog, self.kind = width, height, xlog, ylog, kind
        self.label, self.parts = label, []
        self.x, self.y = _widen(tuple(map(self._x, x))), _widen(y)
        self._axes(xlabel, ylabel)

    def _x(self, value):
        return math.log10(max(value, .5)) if self.xlog else value

    def at(self, x, y):
        """Data -> pixels."""
        u = (self._x(x) - self.x[0]) / (self.x[1] - self.x[0])
        v = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + u * (self.width - LEFT - RIGHT), self.height - BOTTOM - v * (self.height - TOP - BOTTOM)

    def _axes(self, xlabel, ylabel):
        bottom, right = self.height - BOTTOM, self.width - RIGHT
        if self.xlog:
            xs = [10 ** k * m for k in range(math.floor(self.x[0]), math.ceil(self.x[1]) + 1)
                  for m in ((1,) if self.x[1] - self.x[0] > 1.5 else (1, 2, 5))]
            xs = [v for v in xs if self.x[0] - 1e-9 <= math.log10(v) <= self.x[1] + 1e-9]
        else:
            xs = ticks(*self.x, 6)
        for value in range(math.ceil(self.y[0]), math.floor(self.y[1]) + 1) if self.ylog else ticks(*self.y):
            y = self.at(1, value)[1]
            self.add(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
            self.text(LEFT - 5, y + 4, number(10 ** value if self.ylog else value), 'end')
        for value in xs:
            x = self.at(value, 0)[0]
            self.add(f'<path class="tick" d="M{x:.1f} {bottom}v4"/>')
            self.text(x, bottom + 17, number(value), 'middle')
        self.add(f'<path class="axis" d="M{LEFT} {bottom}H{right}"/>')
        self.text((LEFT + right) / 2, self.height - 5, xlabel, 'middle', 'name')
        self.add(f'<text class="name" text-anchor="middle" transform="translate(12 {bottom / 2 + TOP:.0f}) '
                 f'rotate(-90)">{escape(ylabel)}</text>')

    def add(self, part):
        self.parts.append(part)

    def text(self, x, y, text, anchor='start', kind=''):
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>')

    def dots(self, xs, ys, kind):
        """One dot a pair, as one path of round caps; a NaN keeps its place outside the picture."""
        points = (f'{x:.1f} {y:.1f}' if math.isfinite(v) else '-9 -9'
                  for v, (x, y) in ((b, self.at(a, b if math.isfinite(b) else 0)) for a, b in zip(xs, ys)))
        self.add(f'<path class="dots {kind}" d="{"".join(f"M{p}h0" for p in points)}"/>')

    def line(self, xs, ys, kind):
        path, pen = [], 'M'
        for a, b in zip(xs, ys):
            if not math.isfinite(b):
                pen = 'M'
                continue
            x, y = self.at(a, b)
            path.append(f'{pen}{x:.1f} {y:.1f}')
            pen = 'L'
        self.add(f'<path class="line {kind}" d="{"".join(path)}"/>')

    def rule(self, x=None, y=None, kind='rule', text=''):
        """A line across, at x or at y."""
        if x is not None:
            at = self.at(x, 0)[0]
            self.add(f'<path class="{kind}" d="M{at:.1f} {TOP}V{self.height - BOTTOM}">'
                     f'<title>{escape(text)}</title></path>')
        else:
            at = self.at(1, y)[1]
            self.add(f'<path class="{kind}" d="M{LEFT} {at:.1f}H{self.width - RIGHT}"/>')

    def render(self):
        return picture(self.parts, self.width, self.height, self.label, self.kind)


def picture(parts, width, height, label, kind=''):
    """An SVG that a screen reader names and, where it has a ``kind``, the keyboard reaches."""
    focus = f' tabindex="0" data-kind="{escape(kind)}"' if kind else ''
    return Markup(f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}"{focus}>'
                  f'{"".join(parts)}</svg>')


def ticks(low, high, most=5):
    """Round numbers between low and high.

    >>> ticks(0, 100)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    raw = (high - low) / most
    unit = 10. ** math.floor(math.log10(raw))
    unit *= next(m for m in (1, 2, 5, 10) if m * unit >= raw * .999)
    return [round(k * unit, 12) for k in range(math.ceil(low / unit - 1e-9), math.floor(high / unit + 1e-9) + 1)]


def number(value):
    """A short text.

    >>> number(1284), number(20000.), number(.25)
    ('1,284', '20k', '0.25')
    """
    if abs(value) >= 1e4:
        return f'{value / 1e3:g}k' if abs(value) < 1e6 else f'{value / 1e6:g}M'
    return f'{value:,.0f}' if value == int(value) else f'{value:.3g}'


def shorten(text, size=22):
    """At most so many characters."""
    text = ' '.join(str(text).split())
    return text if len(text) <= size else text[:size - 1] + '…'


def shorten_apart(names, size=12):
    """{name: at most ``size`` characters}; names with one beginning keep their ends, too.

    >>> shorten_apart(['speed limit 20', 'speed limit 30', 'yield'])
    {'speed limit 20': 'speed…mit 20', 'speed limit 30': 'speed…mit 30', 'yield': 'yield'}
    """
    short = {name: shorten(name, size) for name in names}
    taken = Counter(short.values())
    return {name: text if taken[text] == 1 else f'{name[:size - size // 2 - 1]}…{name[-(size // 2):]}'
            for name, text in short.items()}


def _widen(span):
    low, high = float(span[0]), float(span[1])
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0., 1.
    pad = .04 * (high - low) or .5
    return (low - pad, high + pad) if not (low == 0 and high == 100) else (low, high)

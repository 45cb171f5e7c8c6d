import cv2
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmlt.core.calibration import ece
from mmlt.report.reliability import reliability_diagram


def draw(num=400):
    rng = np.random.default_rng(0)
    confidence = rng.random(num)
    return confidence, rng.random(num) < confidence ** 2


def test_writes_a_png_with_a_panel_a_split(tmp_path):
    confidence, correct = draw()
    few = np.arange(400) % 2 == 0
    errors = reliability_diagram(tmp_path / 'a.png', confidence, correct, 10, {'few': few, 'none': np.zeros(400, bool)},
                                 title='CE')
    assert errors == {'all': pytest.approx(100 * ece(confidence, correct, 10)),
                      'few': pytest.approx(100 * ece(confidence[few], correct[few], 10))}
    reliability_diagram(tmp_path / 'b.png', confidence, correct)
    wide, narrow = (cv2.imread(str(tmp_path / name)) for name in ('a.png', 'b.png'))
    assert wide.shape[1] > 1.5 * narrow.shape[1] and wide.shape[0] == narrow.shape[0]
    assert wide.std() > 10


def test_bars_are_the_accuracy(tmp_path, monkeypatch):
    bars, draw_bars = [], Axes.bar

    def bar(self, x, height, **kwargs):
        bars.append((kwargs.get('label'), np.round(x, 6).tolist(), np.round(height, 6).tolist()))
        return draw_bars(self, x, height, **kwargs)

    monkeypatch.setattr(Axes, 'bar', bar)
    reliability_diagram(tmp_path / 'a.png', [.3, .3, .8, .8], [1, 0, 0, 1], bins=2)
    assert bars[:3] == [('accuracy', [0, .5], [.5, .5]), ('overconfident', [.5], [.3]), ('underconfident', [0], [.2])]


def test_the_legend_shows_the_hatch_of_the_bars_even_of_a_kind_that_no_panel_has(tmp_path, monkeypatch):
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, 'savefig', lambda self, *args, **kwargs: (figures.append(self),
                                                                         save(self, *args, **kwargs)))
    reliability_diagram(tmp_path / 'a.png', [.9, .9, .3], [1, 0, 0], bins=5)  # nowhere underconfident
    handles = {patch.get_label(): patch for patch in figures[0].legends[0].legend_handles}
    drawn = {bar.get_label(): bar.patches[0] for bar in figures[0].axes[0].containers if bar.patches}
    assert set(drawn) == {'accuracy', 'overconfident'}
    for name, bar in drawn.items():
        assert handles[name].get_hatch() == bar.get_hatch() and handles[name].get_facecolor() == bar.get_facecolor()
    assert handles['underconfident'].get_hatch() and handles['underconfident'].get_hatch() != bar.get_hatch()


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match='softmax'):
        reliability_diagram(tmp_path / 'a.png', [2.], [1])

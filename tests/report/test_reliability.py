import cv2
import numpy as np
import pytest
from matplotlib.axes import Axes

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
    assert bars[:3] == [('accuracy', [0, .5], [.3, .5]), ('overconfident', [.5], [.3]), ('underconfident', [0], [.2])]


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match='softmax'):
        reliability_diagram(tmp_path / 'a.png', [2.], [1])

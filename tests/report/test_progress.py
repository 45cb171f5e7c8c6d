"""Long work says how far it is."""
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rich')
from rich.console import Console

from mmlt.report.progress import Display, progress_bar


def test_bars_show_what_is_done_and_the_time_left_on_a_terminal_only():
    for terminal in (True, False):
        file = io.StringIO()
        with progress_bar(Console(file=file, force_terminal=terminal, width=100)) as (bars, show):
            show('reading', .5)
            show('drawing', .25)
            bars.refresh()
        text = re.sub(r'\x1b\[[\d;?]*[a-zA-Z]', '', file.getvalue())
        assert bool(text.strip()) == terminal  # rich 13 writes a line break
        for row in (r'reading .* 50% [-\d]+:[-\d]+', r'drawing .* 25%') if terminal else ():
            assert re.search(row, text), row


class Run:
    end = 40

    def checkpoint(self):
        return 0, None

    def progress(self, since):
        return 35


@pytest.mark.parametrize('sources, active, left', [
    ({}, {}, 'about 40 min left'), ({1: [(30, 0)]}, {}, 'about 10 min left'),
    ({}, {1: SimpleNamespace(began=0, since=0)}, 'about 3 min left')])
def test_the_time_left_knows_shared_epochs_and_those_under_way(sources, active, left):
    runs, printed = [Run(), Run()], io.StringIO()
    display = Display(Console(file=printed, width=200), 2)
    display.expect(runs, {runs[i]: found for i, found in sources.items()})
    display.tick(SimpleNamespace(active={runs[i]: job for i, job in active.items()}))
    display.start -= 40 * 60
    display.report(runs[0], 'done', 'finished')
    assert left in printed.getvalue()


def test_a_report_and_a_diagnosis_say_how_far_they_are(tmp_path):
    pytest.importorskip('jinja2')
    pytest.importorskip('imagehash')
    from mmlt.report.diagnose import diagnose
    from mmlt.report.page import write_report
    seen = {}
    show = lambda what, share: seen.setdefault(what, []).append(share)  # noqa: E731
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 60)
    for name in 'ab':
        np.savez(tmp_path / f'{name}.npz', label=label, pred=rng.integers(0, 3, 60))
    write_report([tmp_path / 'a.npz', tmp_path / 'b.npz'], tmp_path / 'r.html', progress=show)
    images = rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / 'data.npz', train_images=images, train_labels=label, test_images=images[:3],
             test_labels=[0, 1, 2])
    diagnose(tmp_path / 'data.npz', progress=show)
    assert {'reading runs', 'noise of the test images', 'opening 60 images'} <= set(seen)
    for what, shares in seen.items():
        assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1, what
    assert seen['noise of the test images'][-1] == 1 and len(seen['opening 60 images']) == 60

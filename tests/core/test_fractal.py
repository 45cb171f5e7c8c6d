"""Box-counting dimensions and calibrated scores against plain float64 loops."""
import json
import math

import numpy as np
import pytest
import torch

from mmlt.core.fractal import box_counting_dimension, calibrate_sigmoid, calibrate_softmax, log_frequency
from mmlt.data.annotations import annotation_counts


def naive_dimension(points, largest):
    if len(points) < 4:
        return 1.0
    x, y = [], []
    for d in range(1, largest + 1):
        if d * d <= len(points):
            cells = {(int(a * d), int(b * d)) for a, b in points if 0 <= a < 1 and 0 <= b < 1}
            x.append(math.log(d))
            y.append(math.log(len(cells)))
    return max(float(np.polyfit(x, y, 1)[0]), 1.0)


def test_dimensions():
    rng = np.random.default_rng(0)
    parts = [rng.random((500, 2)), np.stack([np.full(300, 0.4), rng.random(300)], 1),
             0.5 + 0.2 * rng.normal(size=(90, 2)),
             rng.random((3, 2)), np.zeros((0, 2)), rng.random((5, 2))]
    labels = np.repeat(np.arange(6), [len(p) for p in parts])
    order = rng.permutation(len(labels))
    found = box_counting_dimension(np.concatenate(parts)[order], labels[order], 6, largest=20)
    np.testing.assert_allclose(found, [naive_dimension(p.tolist(), 20) for p in parts], rtol=1e-10)
    assert found[0] > 1.8 and found[1] == pytest.approx(1, abs=0.01) and found[3] == found[4] == 1
    assert box_counting_dimension(parts[0], np.zeros(500, int), 1, largest=1) == [1]  # one grid has no slope


def test_scores():
    """Those of shifted logits, as the authors compute them."""
    g = torch.Generator().manual_seed(0)
    z = 3 * torch.randn(20, 4, generator=g, dtype=torch.float64)
    counts, dims = torch.tensor([400, 30, 0], dtype=torch.float64), torch.tensor([1.9, 1.2, 1.0], dtype=torch.float64)
    log_freq = log_frequency(counts, 500)
    shift = [math.log10(500 / max(n, 1)) - math.log10(3) for n in counts.tolist()]
    weight = (dims**2 / (dims**2).sum()).tolist()
    soft, sharp = calibrate_softmax(z.softmax(1), log_freq, dims), calibrate_sigmoid(z.sigmoid(), log_freq, dims)
    for i in range(20):
        p = [math.exp(z[i, c] + shift[c]) / float(dims[c])**2 for c in range(3)] + [math.exp(z[i, 3])]
        np.testing.assert_allclose(soft[i], np.array(p) / sum(p), rtol=1e-10)
        for c in range(3):
            s = 1 / (1 + math.exp(-(z[i, c] + shift[c] - math.log10(weight[c]) + math.log10(1 / 3))))
            assert sharp[i, c] == pytest.approx(float(z[i, c].sigmoid()) * s, rel=1e-10)
    half = calibrate_softmax(z.softmax(1).half(), log_freq, dims)
    assert half.dtype == torch.float16 and half.isfinite().all()
    ones = torch.ones(3, dtype=torch.float64)
    torch.testing.assert_close(calibrate_softmax(z.softmax(1), 0 * ones, ones), z.softmax(1))


def test_annotations(tmp_path):
    box = dict(iscrowd=0, image_id=1)
    places = [(10, 10), (10, 80), (180, 10), (180, 80)]
    boxes = [dict(box, id=i, category_id=7, bbox=[x - 4, y - 4, 8, 8], area=64) for i, (x, y) in enumerate(places)]
    data = dict(images=[dict(id=1, width=200, height=100)], annotations=boxes, categories=[
        dict(id=9, name='a'), dict(id=7, name='b')])
    (tmp_path / 'a.json').write_text(json.dumps(data))
    assert annotation_counts(tmp_path / 'a.json', fractal=True)['fractal_dimensions'] == [1.0, 2.0]
    assert 'fractal_dimensions' not in annotation_counts(tmp_path / 'a.json')

"""Pixel counts of label maps and the tool that writes them."""
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mmlt.core.counts import as_counts
from mmlt.data.pixels import pixel_counts

TOOL = Path(__file__).parents[2] / 'mmlt/cli/count.py'


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location('count_classes', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save(folder, *maps, suffix='.png'):
    folder.mkdir(exist_ok=True)
    for i, label in enumerate(maps):
        Image.fromarray(np.asarray(label)).save(folder / f'{i}{suffix}')
    return folder


def reduce_zero(label):
    """What MMSegmentation's LoadAnnotations does."""
    label = label.copy()
    label[label == 0] = 255
    label = label - 1
    label[label == 254] = 255
    return label


@given(label=hnp.arrays(np.uint8, (7, 9), elements=st.sampled_from([0, 1, 2, 5, 200, 254, 255])),
       case=st.sampled_from([(False, 255), (False, 1), (True, 255)]))
@settings(max_examples=25, deadline=None)
def test_counts_are_those_of_the_labels_that_train(tmp_path_factory, label, case):
    label[0, 0], (reduce, ignore) = 6, case
    folder = save(tmp_path_factory.mktemp('maps'), label, label)
    trained = reduce_zero(label) if reduce else label
    want = np.bincount(trained[trained != ignore])
    assert pixel_counts(folder, reduce_zero_label=reduce, ignore_index=ignore).tolist() == (2 * want).tolist()


def test_like_mmsegs_loader(tmp_path):
    pytest.importorskip('mmseg')
    from mmseg.datasets.transforms import LoadAnnotations
    label = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    folder = save(tmp_path / 'maps', label)
    for reduce in (False, True):
        loaded = LoadAnnotations()(dict(seg_map_path=str(folder / '0.png'), reduce_zero_label=reduce, seg_fields=[]))
        want = np.bincount(loaded['gt_seg_map'].ravel(), minlength=256)[:255]
        assert pixel_counts(folder, 255, reduce_zero_label=reduce).tolist() == want.tolist()


def test_palettes_16_bit_suffixes_and_lists(tmp_path):
    label = np.array([[0, 1], [1, 2]], np.uint8)
    image = Image.fromarray(label, 'P')
    image.putpalette([0, 0, 0, 255, 255, 255, 9, 9, 9])
    folder = save(tmp_path / 'maps', np.array([[300, 0]], np.uint16), suffix='_16.png')
    image.save(folder / 'a_ids.png')
    image.save(folder / 'b_ids.png')
    assert pixel_counts(folder, 4, suffix='_ids.png').tolist() == [2, 4, 2, 0]
    assert pixel_counts(folder, suffix='_ids.png', names=['b']).tolist() == [1, 2, 1]
    assert pixel_counts(folder, suffix='_16.png').tolist() == [1, *[0] * 299, 1]


def test_bad_input(tmp_path):
    folder = save(tmp_path / 'maps', np.array([[0, 7]], np.uint8))
    with pytest.raises(ValueError, match=r'0\.png holds the label 7, expected 0 \.\. 3'):
        pixel_counts(folder, 4)
    with pytest.raises(ValueError, match=r'no label map \*\.tif'):
        pixel_counts(folder, suffix='.tif')
    with pytest.raises(FileNotFoundError):
        pixel_counts(folder, names=['9'])
    colour = save(tmp_path / 'colour', np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"0\.png has the channels \('R', 'G', 'B'\)"):
        pixel_counts(colour)
    empty = save(tmp_path / 'empty', np.full((2, 2), 255, np.uint8))
    with pytest.raises(ValueError, match='every pixel'):
        pixel_counts(empty)


def test_tool_counts_label_maps(tmp_path, tool, capsys):
    folder = save(tmp_path / 'maps', np.array([[0, 1, 1], [2, 255, 1]], np.uint8))
    out = tmp_path / 'new/pixels.json'
    tool.main([str(folder), '--out', str(out), '--reduce-zero-label', '--num-classes', '3'])
    assert json.loads(out.read_text()) == dict(class_counts=[3, 1, 0], unit='pixel')
    assert 'imbalance 3.0' in (text := capsys.readouterr().out) and '1 classes have none: 2' in text
    tool.main([str(folder), '--out', str(out), '--reduce-zero-label'])
    assert as_counts(str(out)).tolist() == [3, 1]


def test_tool_counts_annotations(tmp_path, tool, capsys):
    box = dict(bbox=[0, 0, 4, 4], area=16, iscrowd=0)
    data = dict(images=[dict(id=i, width=8, height=8) for i in (1, 2)],
                categories=[dict(id=3, name='cat'), dict(id=9, name='owl')],
                annotations=[dict(box, id=i, image_id=m, category_id=c) for i, (m, c) in enumerate(
                    [(1, 3), (1, 3), (2, 3), (2, 9)])])
    source, out = tmp_path / 'a.json', tmp_path / 'counts.json'
    source.write_text(json.dumps(data))
    tool.main([str(source), '--out', str(out)])
    result = json.loads(out.read_text())
    assert result['class_counts'] == [3, 1] and result['image_counts'] == [2, 1]
    assert '2 classes, 4 instances' in capsys.readouterr().out
    assert as_counts(str(out)).tolist() == [3, 1]


def test_tool_errors_are_one_line(tmp_path, tool):
    for subject, words in ((tmp_path / 'nowhere', 'does not exist'), (tmp_path, 'no label map')):
        with pytest.raises(SystemExit, match=f'error: .*{words}'):
            tool.main([str(subject), '--out', str(tmp_path / 'x.json')])
    assert not (tmp_path / 'x.json').exists()

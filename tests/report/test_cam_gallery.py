import sys

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain')
from cam_ranks import Squares, classifier
from matplotlib.figure import Figure
from mmengine.config import Config

from mmlt.report.cam_gallery import _panels, from_head_to_tail, write_gallery


def test_gallery_is_written_and_shows_the_images(tmp_path):
    path = tmp_path / 'new' / 'gallery.png'
    write_gallery(classifier(), Squares(), range(5), path)
    picture = cv2.imread(str(path))
    assert min(picture.shape[:2]) > 300 and picture.std() > 20
    write_gallery(classifier(), Squares(), [0], path, ratio=0.75, kinds=['scale'])
    assert cv2.imread(str(path)).shape[0] < picture.shape[0]
    with pytest.raises(ValueError, match='no images'):
        write_gallery(classifier(), Squares(), [], path)


def test_cells_are_of_one_size_whatever_the_names(tmp_path, monkeypatch):
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, 'savefig', lambda self, *args, **kwargs: (figures.append(self),
                                                                         save(self, *args, **kwargs)))
    dataset = Squares()
    dataset._metainfo = dict(classes=['cat', 'prohibited_for_vehicles_over_3.5_tons', *'abcdefgh'])
    write_gallery(classifier(), dataset, range(5), tmp_path / 'gallery.png')
    cells = [axis.get_position() for axis in figures[0].axes if axis.axison]
    sizes = np.array([[cell.width, cell.height] * figures[0].get_size_inches() for cell in cells])
    assert len(cells) == 20 and np.allclose(sizes, sizes[0, 0])
    left, right = cells[0].x0, cells[4].x0
    assert right - left == pytest.approx(.5)
    drawn = [axis.yaxis.label.get_window_extent() for axis in figures[0].axes if axis.get_ylabel()]
    assert len(drawn) == 5 and min(box.x0 for box in drawn) >= 0


def test_panels_are_rgb_whatever_the_channel_order():
    from mmlt.engine.cam import CAMTeacher
    item, generator = Squares()[0], torch.Generator().manual_seed(0)
    rgb = _panels(CAMTeacher(classifier()), item, 1., 'flip', generator)
    bgr = dict(item, inputs=item['inputs'].flip(0))
    same = _panels(CAMTeacher(classifier(to_rgb=True)), bgr, 1., 'flip', generator)
    for a, b in zip(rgb, same):
        assert np.array_equal(a, b)
    assert rgb[0].shape == (24, 24, 3) and rgb[0][2, 2].argmax() == 0


def test_images_go_from_head_to_tail():
    labels = [2] * 50 + [0] * 20 + [4] * 5 + [1]
    chosen = from_head_to_tail(labels, 4)
    assert [labels[i] for i in chosen] == [2, 0, 4, 1] and chosen == from_head_to_tail(labels, 4)
    assert [labels[i] for i in from_head_to_tail(labels, 2)] == [2, 4]


def test_tool(tmp_path, monkeypatch, capsys):
    import importlib.util
    from pathlib import Path
    spec = importlib.util.spec_from_file_location(
        'vis_cam_foreground', Path(__file__).parents[2] / 'tools/vis_cam_foreground.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    pipeline = [dict(type='PackInputs')]
    digits = dict(type='DigitsLT', imbalance=1, size=32, pipeline=pipeline)
    cfg = Config(dict(
        default_scope='mmpretrain', data_preprocessor=dict(mean=[78.] * 3, std=[82.] * 3, num_classes=10),
        custom_imports=dict(imports=['mmlt']),
        model=dict(type='ImageClassifier', backbone=dict(type='ResNetCIFAR32', depth=8),
                   neck=dict(type='GlobalAveragePooling'), head=dict(type='LinearClsHead', num_classes=10,
                                                                     in_channels=64)),
        train_dataloader=dict(dataset=dict(type='LongTailSubset', imbalance=2, n_max=5, dataset=digits)),
        test_dataloader=dict(dataset=dict(digits, split='test'))))
    cfg.dump(tmp_path / 'config.py')
    from mmengine.registry import MODELS, init_default_scope
    init_default_scope('mmpretrain')
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'epoch.pth')
    out = tmp_path / 'gallery.png'
    monkeypatch.setattr(sys, 'argv', ['tool', str(tmp_path / 'config.py'), str(tmp_path / 'epoch.pth'), '--num', '4',
                                      '--out', str(out)])
    tool.main()
    assert cv2.imread(str(out)) is not None and str(out) in capsys.readouterr().out

    def refused(*more, config='config.py'):
        out.unlink(missing_ok=True)
        monkeypatch.setattr(sys, 'argv', ['tool', str(tmp_path / config), str(tmp_path / 'epoch.pth'), *more,
                                          '--out', str(out)])
        with pytest.raises(SystemExit) as error:
            tool.main()
        assert not out.exists()
        return f'{error.value} {capsys.readouterr().err}'
    assert '--num 0: must be at least 1' in refused('--num', '0')
    assert '--ratio 0: must be positive' in refused('--ratio', '0')
    assert 'error: no config' in refused(config='nope.py')
    cfg.model.head.num_classes = 100
    cfg.dump(tmp_path / 'hundred.py')
    assert 'head.fc has 10 classes in the checkpoint and 100 in the config' in refused(config='hundred.py')
    (tmp_path / 'epoch.pth').write_bytes((tmp_path / 'epoch.pth').read_bytes()[:999])
    assert 'epoch.pth is no checkpoint, or a truncated one' in refused()

"""Pseudo-labels: CReST's rates and alignment, the file and its data set, the tool on real digits."""
import numpy as np
import pytest
import torch

from mmlt.core.pseudo import align, alignment_temperature, crest_rates, select
from mmlt.data import labels_of
from mmlt.data.datasets import PseudoLabels
from mmlt.data.labels import class_counts

TOY = torch.tensor([100., 10., 1.], dtype=torch.float64)


def test_rates():
    assert crest_rates(TOY).tolist() == pytest.approx([.215443, .464159, 1], abs=1e-6)
    n = torch.tensor([7., 60, 1, 200], dtype=torch.float64)  # unsorted: ranks 2, 1, 3, 0
    assert crest_rates(n).tolist() == pytest.approx([(60 / 200)**(1 / 3), (7 / 200)**(1 / 3), 1, (1 / 200)**(1 / 3)])


def test_select():
    labels, confidences = np.array([0, 0, 0, 1, 1, 2]), np.array([.5, .9, .7, .6, .8, .4])
    assert select(labels, confidences, [2 / 3, 0.5, 1]).tolist() == [1, 2, 4, 5]
    assert select(labels, confidences, [0, 0, 0]).tolist() == []
    assert select(labels, confidences, [1, 1, 1]).tolist() == list(range(6))


def test_alignment():
    p, m = torch.tensor([[.6, .3, .1]], dtype=torch.float64), torch.tensor([.8, .15, .05], dtype=torch.float64)
    assert align(p, TOY, m)[0].tolist() == pytest.approx([.473947, .399667, .126386], abs=5e-6)
    assert align(p, TOY, m, 1)[0].tolist() == pytest.approx([.773194, .206186, .020620], abs=5e-6)
    target = (TOY / TOY.sum())**0.5
    assert align(p, TOY, target / target.sum()).tolist()[0] == pytest.approx(p.tolist()[0])
    assert align(p, TOY, torch.full((3, ), 1 / 3), 0)[0].tolist() == pytest.approx(p.tolist()[0])
    assert [round(alignment_temperature(g, 6), 6) for g in range(6)] == [1, .9, .8, .7, .6, .5]
    assert alignment_temperature(0, 1) == 1


class Unlabelled:
    """Five images whose own labels are wrong."""

    metainfo = dict(classes=('a', 'b'))
    pipeline = staticmethod(lambda record: record)

    def __len__(self):
        return 5

    def get_data_info(self, i):
        return dict(img=i, gt_label=99)


def write(path, **changes):
    arrays = dict(labels=np.array([0, 1, 1, 0, 1]), confidences=np.ones(5), added=np.array([0, 2, 4]),
                  rates=np.ones(2), sha256='abc123', classes=np.array(['a', 'b']))
    np.savez(path, **{**arrays, **changes})
    return str(path)


def test_data_set(tmp_path):
    data = PseudoLabels(Unlabelled(), write(tmp_path / 'p.npz'), sha256='abc')
    assert len(data) == 3 and data[1] == dict(img=2, gt_label=1)
    assert labels_of(data).tolist() == [0, 1, 1] and data.get_cat_ids(0) == [0]
    own = torch.utils.data.TensorDataset(torch.zeros(4, 1), torch.tensor([0, 0, 0, 1]))
    joint = torch.utils.data.ConcatDataset([own, data])
    assert class_counts(labels_of(joint), 2).tolist() == [4, 3]


@pytest.mark.parametrize('changes, kwargs, error, message', [
    (None, {}, FileNotFoundError, r'no pseudo-labels .*none.npz; write them with tools/pseudo_label.py'),
    (dict(labels=np.zeros(4, int)), {}, ValueError, 'labels of 4 images, the unlabelled set 5'),
    (dict(classes=np.array(['b', 'a'])), {}, ValueError, r"is of the classes \['b', 'a'\].*same order"),
    ({}, dict(sha256='def'), ValueError, 'written by the model abc123, expected def'),
])
def test_bad_files(tmp_path, changes, kwargs, error, message):
    file = str(tmp_path / 'none.npz') if changes is None else write(tmp_path / 'p.npz', **changes)
    with pytest.raises(error, match=message):
        PseudoLabels(Unlabelled(), file, **kwargs)


def test_truncated_file(tmp_path):
    file = write(tmp_path / 'p.npz')
    data = (tmp_path / 'p.npz').read_bytes()
    (tmp_path / 'p.npz').write_bytes(data[:len(data) // 2])
    with pytest.raises(ValueError, match='was truncated'):
        PseudoLabels(Unlabelled(), file)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    pytest.importorskip('mmpretrain')
    import tiny
    folder = tmp_path_factory.mktemp('labeller')
    run = tiny.train(folder, epochs=3)
    return run.cfg, str(folder / 'epoch_3.pth')


def test_label_set_and_train_on_it(trained, tmp_path):
    import tiny
    from mmengine.registry import DATASETS

    from mmlt.engine.pseudo_label import label_set
    cfg, checkpoint = trained
    source, lines = dict(type='TinyImages', counts=(20, 10, 5)), []
    out = str(tmp_path / 'labels.npz')
    arrays = label_set(cfg, checkpoint, source, out, rates='crest', log=lines.append)
    assert any('unlabelled images are test images' in line for line in lines)  # both begin with the same noise
    labels = arrays['labels']
    assert arrays['rates'].tolist() == pytest.approx([.5, 1, 1], abs=0.4) and len(labels) == 35
    for c in range(3):
        assert (labels[arrays['added']] == c).sum() == int((labels == c).sum() * arrays['rates'][c] + 1e-9)
    again = label_set(cfg, checkpoint, source, out, log=lines.append)
    assert len(again['added']) == 35 and again['sha256'] == arrays['sha256']
    part = dict(type='PseudoLabels', dataset=dict(source, pipeline=[dict(type='PackInputs')]), file=out)
    own = cfg.train_dataloader.dataset
    run = tiny.train(tmp_path, epochs=1, train_dataloader__dataset=dict(
        _delete_=True, type='ConcatDataset', datasets=[dict(own), part]))
    meta = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['meta']
    assert meta['class_counts'] == [n + int((labels == c).sum()) for c, n in enumerate(tiny.COUNTS)]
    assert len(DATASETS.build(part)) == 35 and run.iter == 10
    test = tiny.runner(tmp_path / 'test', load_from=str(tmp_path / 'epoch_1.pth'))
    test.test()
    for metric in (run.val_evaluator.metrics[0], test.test_evaluator.metrics[0]):  # the groups do not follow guesses
        assert metric.class_counts.tolist() == meta['labelled_counts'] == list(tiny.COUNTS)


def test_sources(tmp_path):
    pytest.importorskip('mmpretrain')
    from mmlt.engine.pseudo_label import unlabelled_set
    pack = [dict(type='PackInputs')]
    assert unlabelled_set(tmp_path, pack)['data_root'] == str(tmp_path)
    assert unlabelled_set('a/b.npz', pack)['type'] == 'NpzImages'
    (tmp_path / 'list.txt').write_text('x.png\n')
    assert unlabelled_set(tmp_path / 'list.txt', pack)['pipeline'][0]['type'] == 'LoadImageFromFile'
    with pytest.raises(FileNotFoundError, match=r'expected a folder of images, a list of paths or an .npz'):
        unlabelled_set(tmp_path / 'none', pack)

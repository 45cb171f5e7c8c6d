"""CMO and UniMix draw from the whole training set."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.hooks import Hook

from mmlt.core.augment import ContextMinorityOversample, UniMix

HOOK = dict(default_hooks__partners=dict(type='PartnerHook'))


class Watch(Hook):
    """Keeps the partners of every batch."""
    priority = 'VERY_LOW'

    def __init__(self):
        self.batches = []

    def before_train_epoch(self, runner):
        augments = runner.model.data_preprocessor.batch_augments
        for augment in augments.augments if augments else []:
            inner = augment.partners
            augment.partners = (self.batches.append((runner.epoch, *batch)) or batch for batch in inner)


def watched(tmp_path, epochs=3, stages=None, **settings):
    runner, watch = tiny.runner(tmp_path, epochs, stages, **settings), Watch()
    runner.register_hook(watch)
    runner.train()
    return runner, watch.batches


@pytest.mark.parametrize(('augment', 'power'), [
    (dict(type='ContextMinorityOversample', prob=1.0), 0), (dict(type='UniMix', tau=-1.0), -1)])
def test_partners_follow_the_counts_of_the_set(augment, power, tmp_path):
    epochs = 8
    runner, batches = watched(tmp_path, epochs, model__train_cfg__augments=augment, **HOOK)
    assert len(batches) == epochs * 6
    labels = torch.cat([labels for _, _, labels in batches]).argmax(1)
    expected = torch.tensor(tiny.COUNTS, dtype=torch.float64) ** power
    expected *= len(labels) / expected.sum()
    assert ((torch.bincount(labels, minlength=3) - expected).abs() < 4 * expected.sqrt()).all()
    # as the preprocessor makes them, each with its own label
    dataset = runner.train_dataloader.dataset
    known = {((record['inputs'].float() - 127) / 60).numpy().tobytes(): int(record['data_samples'].gt_label)
             for record in dataset}
    for _, images, one_hot in batches[:6]:
        for image, row in zip(images, one_hot):
            assert known[image.numpy().tobytes()] == row.argmax()
    first, second = ([int(y) for e, _, labels in batches if e == epoch for y in labels.argmax(1)] for epoch in (0, 1))
    assert first != second
    assert all(a.partners is None for a in runner.model.data_preprocessor.batch_augments.augments)


def test_with_stages_and_workers(tmp_path):
    """As in CMO's config: not in the first and last epochs."""
    cmo = dict(type='ContextMinorityOversample', prob=1.0)
    stages = [dict(begin=1, batch_augments=cmo), dict(begin=2, batch_augments=None)]
    _, batches = watched(tmp_path, stages=stages, train_dataloader__num_workers=1, **HOOK)
    assert [epoch for epoch, _, _ in batches] == [1] * 6


@pytest.mark.parametrize('augment', [ContextMinorityOversample(prob=1.0, class_counts=[9, 1], seed=0),
                                     UniMix(class_counts=[9, 1], seed=0)])
def test_partners_of_a_longer_batch(augment):
    images, one_hot = torch.zeros(3, 1, 4, 4), torch.eye(2)[[0, 0, 0]]
    augment.partners = iter([(torch.ones(5, 1, 4, 4), torch.eye(2)[[1, 1, 1, 0, 0]])])
    mixed, soft = augment(images, one_hot)
    torch.testing.assert_close(mixed.mean((1, 2, 3)), soft[:, 1])
    assert mixed.any()

"""CMO, UniMix and second branches draw from the whole training set."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.hooks import Hook
from mmengine.registry import MODELS
from mmpretrain.models import ImageClassifier

from mmlt.core.augment import ContextMinorityOversample, UniMix
from mmlt.engine.partners import PartnerSampler, take_partners

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


@MODELS.register_module()
class TwoStreams(ImageClassifier):
    """Learns from each batch and its partners, and notes them."""
    partners, seen = None, []

    def __init__(self, partner_power, **kwargs):
        super().__init__(**kwargs)
        self.partner_power = partner_power

    def loss(self, inputs, data_samples):
        other, others = take_partners(self, len(inputs))
        assert len(other) == len(others) == len(inputs)
        self.seen.append((other, torch.cat([sample.gt_label for sample in others])))
        losses = self.head.loss(self.extract_feat(inputs), data_samples)
        return losses | dict(loss_other=self.head.loss(self.extract_feat(other), others)['loss'])


def two_streams(folder, epochs=2, power=-1.0, **settings):
    TwoStreams.seen = []
    runner = tiny.train(folder, epochs, model__type='TwoStreams', model__partner_power=power, **HOOK | settings)
    return runner, TwoStreams.seen


@pytest.mark.parametrize('power', [-1.0, 0.0, 1.0])
def test_a_module_gets_as_many_partners_as_images(tmp_path, power):
    runner, seen = two_streams(tmp_path, 8, power, train_dataloader__batch_size=16)
    assert [len(labels) for _, labels in seen] == [16, 16, 16, 12] * 8
    labels = torch.cat([labels for _, labels in seen])
    expected = torch.tensor(tiny.COUNTS, dtype=torch.float64) ** power
    expected *= len(labels) / expected.sum()
    assert ((torch.bincount(labels, minlength=3) - expected).abs() < 4 * expected.sqrt()).all()
    pairs = [tuple(map(bytes, (image.numpy(), label.numpy()))) for batch in seen[:4] for image, label in zip(*batch)]
    assert len(set(pairs)) < 60, 'with replacement'
    assert runner.model.partners is None
    with pytest.raises(RuntimeError, match=r'TwoStreams has no partners.*PartnerHook'):
        take_partners(runner.model, 1)


@pytest.mark.parametrize('settings', [
    {}, dict(train_dataloader__num_workers=1, train_dataloader__persistent_workers=True)])
def test_resuming_beside_partners(tmp_path, settings):
    """And the copies that EMA makes of the model have none."""
    settings = settings | dict(custom_hooks=[dict(type='EMAHook')])
    whole, seen = two_streams(tmp_path / 'whole', **settings)
    part, again = two_streams(tmp_path / 'part', resume=True, load_from=str(tmp_path / 'whole/epoch_1.pth'), **settings)
    assert len(again) == 6
    for (a, y), (b, z) in zip(seen[6:], again, strict=True):
        assert torch.equal(a, b) and torch.equal(y, z)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, part.model.state_dict()[key])


def test_an_iteration_based_run_goes_on_within_a_list(tmp_path):
    def run(folder, **settings):
        return two_streams(
            folder, train_cfg=dict(by_epoch=False, max_iters=9, val_interval=9, _delete_=True), param_scheduler=None,
            default_hooks__checkpoint=dict(type='CheckpointHook', interval=4, by_epoch=False), **settings)

    _, seen = run(tmp_path / 'whole')
    assert len({images.numpy().tobytes() for images, _ in seen}) == 9
    for start in (4, 8):
        _, again = run(tmp_path / f'part{start}', resume=True, load_from=str(tmp_path / f'whole/iter_{start}.pth'))
        assert all(torch.equal(a, b) for (a, _), (b, _) in zip(seen[start:], again, strict=True))


def test_two_owners_of_one_power_get_other_partners(tmp_path):
    augment = dict(type='UniMix', tau=-1.0)
    runner, batches = tiny.runner(tmp_path, 1, model__type='TwoStreams', model__partner_power=-1.0,
                                  model__train_cfg__augments=augment, **HOOK), Watch()
    runner.register_hook(batches)
    TwoStreams.seen = []
    runner.train()
    assert all(not torch.equal(a, b) for (_, a, _), (b, _) in zip(batches.batches, TwoStreams.seen, strict=True))


def test_ranks_share_one_list():
    for epoch in range(2):
        joint = PartnerSampler([0] * 9 + [1] * 3, q=-1, seed=3, num_samples=12)
        joint.set_epoch(epoch)
        parts = []
        for rank in range(2):
            sampler = PartnerSampler([0] * 9 + [1] * 3, q=-1, seed=3, num_samples=12)
            sampler.rank, sampler.world_size = rank, 2
            sampler.set_epoch(epoch)
            sampler.first = 2
            parts.append(list(sampler))
        assert [list(joint)[4::2], list(joint)[5::2]] == parts

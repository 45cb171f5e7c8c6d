"""The loader in memory inside MMEngine's training."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.hooks import Hook
from PIL import Image

from mmlt.engine.fast import FastLoader

RANDOM = [dict(type='RandomCrop', crop_size=8, padding=2), dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')]
FAST = dict(default_hooks__fast=dict(type='FastLoaderHook'), train_dataloader__dataset__pipeline=RANDOM)


class Watch(Hook):
    """Keeps what the model is given."""
    priority = 'VERY_LOW'

    def __init__(self):
        self.batches = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.batches.append((runner.epoch, data_batch['inputs'], [s.clone() for s in data_batch['data_samples']]))


def watched(*args, **settings):
    runner, watch = tiny.runner(*args, **{**FAST, **settings}), Watch()
    runner.register_hook(watch)
    runner.train()
    return runner, watch.batches


def test_without_random_transforms_it_is_the_frameworks_run(tmp_path):
    plain = dict(train_dataloader__dataset__pipeline=RANDOM[-1:])
    slow, fast = tiny.train(tmp_path / 'a', **plain), watched(tmp_path / 'b', **plain)[0]
    assert isinstance(fast.train_dataloader, FastLoader) and isinstance(fast.val_dataloader, FastLoader)
    for key, value in slow.model.state_dict().items():
        assert torch.equal(value, fast.model.state_dict()[key]), key
    assert slow.message_hub.get_scalar('val/lt/ece').current() == fast.message_hub.get_scalar('val/lt/ece').current()


def test_a_resumed_run_is_the_same_bit_for_bit(tmp_path):
    stages = [dict(begin=2, sampler=dict(type='ClassBalancedSampler'), cam=dict(), train_pipeline=RANDOM[1:])]
    whole, batches = watched(tmp_path / 'a', 4, stages)
    for epoch in (1, 3):
        part, rest = watched(tmp_path / f'b{epoch}', 4, stages, resume=True,
                             load_from=str(tmp_path / f'a/epoch_{epoch}.pth'))
        assert all(torch.equal(a[1], b[1]) for a, b in zip(batches[6 * epoch:], rest, strict=True))
        assert all(torch.equal(v, part.model.state_dict()[k]) for k, v in whole.model.state_dict().items())


def test_a_run_of_iterations_resumed_within_an_epoch_is_the_same(tmp_path):
    def settings():
        return dict(train_cfg=dict(_delete_=True, by_epoch=False, max_iters=15), val_cfg=None, val_dataloader=None,
                    val_evaluator=None, param_scheduler=[], default_hooks__random_state=dict(type='RandomStateHook'),
                    default_hooks__checkpoint=dict(type='CheckpointHook', interval=9, by_epoch=False))

    whole, batches = watched(tmp_path / 'a', **settings())
    part, rest = watched(tmp_path / 'b', resume=True, load_from=str(tmp_path / 'a/iter_9.pth'), **settings())
    assert all(torch.equal(a[1], b[1]) for a, b in zip(batches[9:], rest, strict=True))
    assert not torch.equal(batches[0][1], batches[6][1])
    assert all(torch.equal(v, part.model.state_dict()[k]) for k, v in whole.model.state_dict().items())


def test_each_image_is_one_that_the_framework_could_give(tmp_path):
    runner, batches = watched(tmp_path)
    dataset = runner.train_dataloader.dataset
    originals = [item['img'] for item in map(dataset.get_data_info, range(len(dataset)))]
    for _, inputs, samples in batches:
        assert inputs.dtype == torch.uint8
        for image, sample in zip(inputs, samples):
            padded = torch.zeros(3, 12, 12, dtype=torch.uint8)
            padded[:, 2:10, 2:10] = torch.from_numpy(originals[sample.sample_idx]).permute(2, 0, 1)
            windows = padded.unfold(1, 8, 1).unfold(2, 8, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
            assert (torch.cat([windows, windows.flip(-1)]) == image).flatten(1).all(1).any()
            assert int(sample.gt_label) == dataset.get_data_info(sample.sample_idx)['gt_label']
    first, second = (torch.cat([x for e, x, _ in batches if e == epoch]) for epoch in (0, 1))
    assert not torch.equal(first, second)


def test_cached_cams_follow_their_images(tmp_path, monkeypatch):
    """Where the maps are the images' own first channel, they stay that, however an image is cut and flipped."""
    seen, batch = [], FastLoader.batch

    def doctored(self, indices, draws):
        if self._cams is None:
            return batch(self, indices, draws)
        assert self._cams.shape == (60, 8, 8)  # enlarged from 2 x 2
        self._cams = self._images[:, 0]
        out = batch(self, indices, draws)
        seen.append((out['inputs'][:, 0], torch.stack([s.cam for s in out['data_samples']])))
        return out

    monkeypatch.setattr(FastLoader, 'batch', doctored)
    watched(tmp_path, 2, [dict(begin=1, cam=dict(cached=True))])
    assert len(seen) == 6
    assert all(torch.equal(image, cam) for image, cam in seen)


@pytest.mark.parametrize('size', [6, 4])
def test_two_ranks_see_the_batch_of_one_process(size, tmp_path, monkeypatch):
    one = tiny.runner(tmp_path, **FAST, train_dataloader__batch_size=2 * size).train_dataloader
    batches = [dict(zip(keys(b), b['inputs'])) for b in FastLoader(one)]
    for rank in range(2):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        monkeypatch.setattr('mmlt.engine.fast.rank_and_world_size', lambda rank=rank: (rank, 2))
        own = FastLoader(tiny.runner(tmp_path, **FAST, train_dataloader__batch_size=size).train_dataloader)
        for joint, batch in zip(batches, own, strict=True):
            assert set(keys(batch)) <= set(joint)
            assert all(torch.equal(joint[key], image) for key, image in zip(keys(batch), batch['inputs']))


def keys(batch):
    return [sample.sample_idx for sample in batch['data_samples']]


def test_samples_are_of_their_batch_alone(tmp_path):
    loader = FastLoader(tiny.runner(tmp_path, **FAST).train_dataloader)
    (first, *_), (again, *_) = list(loader), list(loader)
    sample = first['data_samples'][0]
    kept = loader._samples[sample.sample_idx]
    assert type(sample) is type(kept) and sample.metainfo == kept.metainfo and sample.keys() == kept.keys()
    sample.set_gt_score(torch.tensor([.2, .3, .5]))
    sample.set_metainfo(dict(note=1))
    assert 'gt_score' not in kept and 'note' not in kept and 'note' in sample.metainfo_keys()
    assert not any('gt_score' in other for other in again['data_samples'])


def test_partners_come_from_the_same_memory(tmp_path):
    cmo = dict(type='ContextMinorityOversample', prob=1.0)
    settings = dict(model__train_cfg__augments=cmo, default_hooks__partners=dict(type='PartnerHook'))
    whole, _ = watched(tmp_path / 'a', 3, **settings)
    part, _ = watched(tmp_path / 'b', 3, resume=True, load_from=str(tmp_path / 'a/epoch_2.pth'), **settings)
    assert all(torch.equal(v, part.model.state_dict()[k]) for k, v in whole.model.state_dict().items())


@pytest.mark.parametrize('pipeline', [
    [dict(type='MultiView', num_views=2, transforms=[RANDOM[:2]]), RANDOM[2]],
    [dict(type='RepeatPipeline', pipeline=RANDOM, views=[[], [dict(
        type='RandomGrayscale', prob=0.5, keep_channels=True)]])]])
def test_several_views_come_as_a_list(pipeline, tmp_path):
    runner = tiny.runner(tmp_path, train_dataloader__dataset__pipeline=pipeline)
    batch = next(iter(FastLoader(runner.train_dataloader)))
    slow = next(iter(runner.train_dataloader))
    assert [x.shape for x in batch['inputs']] == [x.shape for x in slow['inputs']]
    assert not torch.equal(*batch['inputs'])


@pytest.mark.parametrize('stage', [None, 2])
def test_what_it_cannot_do_is_named_before_training(stage, tmp_path):
    bad = [dict(type='RandomFlip', prob=0.5), dict(type='Resize', scale=8), dict(type='PackInputs')]
    settings = dict(stages=[dict(begin=stage, train_pipeline=bad)]) if stage else dict(
        train_dataloader__dataset__pipeline=bad)
    with pytest.raises(ValueError, match='no batched form of Resize after random transforms'):
        watched(tmp_path, 3, **settings)
    assert not list(tmp_path.glob('epoch_*.pth'))


def test_a_set_that_is_too_large_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(FastLoader, 'max_bytes', 1000)
    with pytest.raises(ValueError, match=r'60 images .* FastLoader keeps at most'):
        watched(tmp_path / 'big')


def test_wrapped_sets_and_folders(tmp_path):
    repeat = dict(type='RepeatDataset', times=2, dataset=dict(type='TinyImages', pipeline=RANDOM))
    both = dict(type='ConcatDataset', datasets=[repeat, dict(type='TinyImages', pipeline=RANDOM)])
    runner = tiny.runner(tmp_path, train_dataloader__dataset=dict(_delete_=True, **both))
    batches = list(FastLoader(runner.train_dataloader))
    labels = torch.cat([sample.gt_label for batch in batches for sample in batch['data_samples']])
    assert torch.bincount(labels).tolist() == [3 * n for n in tiny.COUNTS]


def test_images_of_a_folder_need_one_size(tmp_path):
    for i, size in enumerate([(8, 8), (9, 12), (20, 8)]):
        (tmp_path / f'data/{"ab"[i % 2]}').mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size, (i, 80, 7)).save(tmp_path / f'data/{"ab"[i % 2]}/{i}.png')
    folder = dict(type='CustomDataset', data_prefix=str(tmp_path / 'data'))
    load, resize = dict(type='LoadImageFromFile'), dict(type='Resize', scale=(8, 8))

    def loader(*pipeline):
        return FastLoader(tiny.runner(tmp_path, train_dataloader__dataset=dict(
            _delete_=True, **folder, pipeline=[*pipeline])).train_dataloader)

    (batch,) = loader(load, resize, *RANDOM)
    assert batch['inputs'].shape == (3, 3, 8, 8) and {i for i in batch['inputs'][:, 2].flatten().tolist()} <= {0, 1, 2}
    with pytest.raises(ValueError, match=r'images of one size, found 3.*Resize'):
        next(iter(loader(load, *RANDOM[1:])))

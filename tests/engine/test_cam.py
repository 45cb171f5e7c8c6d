import random

import cam_ranks
import cv2
import gloo
import numpy as np
import pytest
import torch
from cam_ranks import Squares, classifier, square
from mmengine.dataset import Compose, ConcatDataset, RepeatDataset, default_collate, pseudo_collate
from mmpretrain.models import LinearClsHead, LinearNeck, StackedLinearClsHead, VisionTransformerClsHead
from mmpretrain.registry import TRANSFORMS
from torch import nn
from torch.utils.data import DataLoader

from mmlt.core.augment.cam import bounding_box, class_activation_map, foreground_mask
from mmlt.data.datasets.subset import LongTailSubset
from mmlt.engine import cam_cache
from mmlt.engine.cam import CAMStage, CAMTeacher
from mmlt.engine.cam_cache import CAMPipeline, compute_cams, crop_size, read_cams
from mmlt.engine.stages import StagedPipeline, shared_stage


def batch(n=12, collate=default_collate):
    dataset = Squares(n)
    return collate([dataset[i] for i in range(n)])


def stage(seed=0, **cfg):
    return CAMStage(dict(prob=1.) | cfg, seed)


# ------------------------------------------------------------------------------------------------ the teacher

def test_teacher_finds_the_square_in_the_pixels_it_is_pasted_on():
    data = batch()
    labels = torch.tensor([i % 2 for i in range(12)])
    cams = CAMTeacher(classifier())(data['inputs'], labels)
    assert cams.shape == (12, 6, 6)
    for i, box in enumerate(bounding_box(foreground_mask(cams, 2.)).tolist()):
        assert box == [i % 4, i // 4, i % 4 + 1, i // 4 + 1]


def test_teacher_alone_sees_the_preprocessed_image():
    """BGR images: class 0 looks at channel 0 of RGB, and padding is cut off again."""
    data = batch(2)
    cams = CAMTeacher(classifier(to_rgb=True, pad_size_divisor=32))(data['inputs'], torch.tensor([1, 0]))
    assert cams.shape == (2, 24, 24)
    assert bounding_box(cams > 0.9)[0].tolist()[:2] == [0, 0] and bounding_box(cams > 0.9)[1, 0] >= 4
    assert torch.equal(data['inputs'], batch(2)['inputs'])


def test_teacher_is_frozen_and_apart():
    model = classifier()
    keys = list(model.state_dict())
    caster = stage()
    caster.snapshot(model)
    teacher = caster.teacher.train()
    assert not any(m.training for m in teacher.modules()) and not any(p.requires_grad for p in teacher.parameters())
    assert list(model.state_dict()) == keys and model.backbone.training and model.backbone.norm.weight.requires_grad
    images, labels = batch(4)['inputs'], torch.tensor([0, 1, 0, 1])
    before = teacher(images, labels)
    model.train()
    model.backbone(torch.randn(8, 3, 24, 24))
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(-3)
    after = teacher(images, labels)
    assert torch.equal(before, after) and not after.requires_grad


def test_teacher_leaves_batch_augments_behind():
    model = classifier(batch_augments=dict(augments=dict(type='Mixup', alpha=1.)))
    assert CAMTeacher(model).data_preprocessor.batch_augments is None
    assert model.data_preprocessor.batch_augments is not None


def test_teacher_runs_under_the_asked_autocast():
    teacher, images, labels = CAMTeacher(classifier()), batch(2)['inputs'], torch.tensor([0, 1])
    teacher.backbone = nn.Conv2d(3, 2, 1)
    kinds = []
    teacher.backbone.register_forward_hook(lambda module, args, out: kinds.append(out.dtype))
    cams = [teacher(images, labels, amp) for amp in (False, True, torch.bfloat16)]
    assert kinds == [torch.float32, torch.bfloat16, torch.bfloat16]
    assert all(cam.dtype == torch.float32 and cam.max() == 1 for cam in cams)


class Wide(LinearClsHead):
    """One more row than classes."""

    def __init__(self):
        super().__init__(2, 2)
        self.fc = nn.Linear(2, 3)


class Projected(LinearClsHead):
    """A layer between the pooling and the classifier."""

    def __init__(self):
        super().__init__(2, 2)
        self.project = nn.Linear(2, 2)


@pytest.mark.parametrize(('parts', 'words'), [
    (lambda: dict(head=StackedLinearClsHead(2, 2, [4])), 'StackedLinearClsHead has no layer fc'),
    (lambda: dict(head=Projected()), 'Projected also has project.weight'),
    (lambda: dict(head=VisionTransformerClsHead(2, 2)), 'VisionTransformerClsHead has no layer fc'),
    (lambda: dict(neck=LinearNeck(2, 2)), 'LinearNeck has parameters'),
    (lambda: dict(head=Wide()), '3 rows for 2 classes')])
def test_models_without_a_cam_are_named(parts, words):
    with pytest.raises(ValueError, match=f'CAM needs a convolutional backbone.*{words}'):
        CAMTeacher(classifier(**parts()))


def test_pooled_features_are_named():
    model = classifier()
    model.backbone = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match=r'CAM needs .* Sequential gives features of shape \(1, 3\)'):
        CAMTeacher(model)(batch(1)['inputs'], torch.tensor([0]))


# ------------------------------------------------------------------------------------------------ the online form

@pytest.mark.parametrize('collate', [default_collate, pseudo_collate])
def test_apply_moves_the_foreground_of_the_chosen(collate):
    model, caster = classifier(), CAMStage(dict(kinds=['flip']), seed=3)
    caster.set_class_counts([1, 9999])
    caster.snapshot(model)
    data = batch(12, collate)
    original, labels = torch.stack(list(data['inputs'])), torch.tensor([i % 2 for i in range(12)])
    caster.apply(data, model, epoch=5, iteration=60)
    assert type(data['inputs']) is type(batch(2, collate)['inputs'])
    result = torch.stack(list(data['inputs']))
    assert result.dtype == torch.uint8 and len(model.backbone.seen) == 0
    assert torch.equal(result[1::2], original[1::2])
    cams = class_activation_map(caster.teacher.backbone(original.float() / 255)[0], torch.eye(2), labels)
    expected = caster.augment.transform(original, cams, torch.Generator())
    assert torch.equal(result[::2], expected[::2]) and not torch.equal(result[::2], original[::2])
    assert caster.teacher.backbone.seen[0].shape[0] == 6, 'a map is made for the chosen images alone'
    model.data_preprocessor(data, training=True)


def test_apply_draws_from_seed_epoch_iteration_and_rank():
    model, results = classifier(), []
    for seed, epoch, iteration, rank in [(0, 1, 2, 0), (0, 1, 2, 0), (9, 1, 2, 0), (0, 9, 2, 0), (0, 1, 9, 0),
                                         (0, 1, 2, 9)]:
        caster, data = stage(seed), batch()
        caster.snapshot(model)
        state = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
        caster.apply(data, model, epoch, iteration, rank)
        assert (torch.get_rng_state() == state[0]).all() and random.getstate() == state[1]
        assert np.random.get_state()[1].tolist() == state[2]
        results.append(data['inputs'])
    assert torch.equal(results[0], results[1])
    assert not any(torch.equal(results[0], other) for other in results[2:])


def test_no_image_chosen_costs_nothing():
    model, data = classifier(), batch()
    caster, inputs = stage(prob=0.), data['inputs']
    caster.snapshot(model)
    caster.apply(data, model, 0, 0)
    assert data['inputs'] is inputs and not caster.teacher.backbone.seen


def test_several_labels_an_image_are_refused():
    model, data = classifier(), batch(2)
    data['data_samples'][0].set_gt_label([0, 1])
    with pytest.raises(ValueError, match='3 labels for 2 images'):
        stage().apply(data, model, 0, 0)


def test_resuming_uses_the_teacher_of_the_stage_and_not_the_resumed_model():
    model, first = classifier(), stage()
    first.snapshot(model)
    with torch.no_grad():
        model.backbone.norm.weight.copy_(torch.tensor([-1., 1., -1.]))
        model.head.fc.weight.neg_()
    state = {name: value.clone() for name, value in first.state_dict().items()}
    assert 'weight' in state and not any('preprocessor' in name for name in state)
    for load_first in (True, False):
        resumed = stage()
        for step in (resumed.load_state_dict, resumed.snapshot)[::1 if load_first else -1]:
            step(state if step == resumed.load_state_dict else model)
        images = [batch(), batch()]
        first.apply(images[0], model, 3, 40)
        resumed.apply(images[1], model, 3, 40)
        assert torch.equal(images[0]['inputs'], images[1]['inputs'])
    assert stage().state_dict() == {}


# ------------------------------------------------------------------------------------------------ the pipeline

def low_cams(n=12, side=6):
    return torch.randint(0, 256, (n, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


class Drawn(Squares):
    """Grey images of 24 x 30 that are their own enlarged CAM."""

    def load_data_list(self):
        images = [cv2.resize(cam, (30, 24)) for cam in low_cams().numpy()]
        return [dict(img=np.repeat(image[..., None], 3, 2), gt_label=0) for image in images]


@pytest.mark.parametrize('transforms', [
    [],
    [dict(type='RandomFlip', prob=0.5, direction='horizontal')],
    [dict(type='RandomFlip', prob=[0.3, 0.3], direction=['horizontal', 'vertical'])],
    [dict(type='RandomCrop', crop_size=16, padding=4)],
    [dict(type='RandomCrop', crop_size=40, pad_if_needed=True, padding_mode='reflect')],
    [dict(type='RandomResizedCrop', scale=20)],
    [dict(type='RandomResizedCrop', scale=(20, 28), backend='pillow', interpolation='bicubic')],
    [dict(type='EfficientNetRandomCrop', scale=20)],
    [dict(type='EfficientNetCenterCrop', crop_size=20)],
    [dict(type='ResizeEdge', scale=17, edge='short', backend='pillow'), dict(type='CenterCrop', crop_size=(15, 13))],
    [dict(type='Resize', scale=(19, 21)), dict(type='Pad', size=(32, 32))],
    [dict(type='RandomResize', scale=(30, 30), ratio_range=(0.5, 2.), keep_ratio=True)],
    [dict(type='RandomChoiceResize', scales=[(20, 20), (28, 26)])],
    [dict(type='RandomResizedCrop', scale=24), dict(type='RandomFlip', prob=0.5), dict(type='RandomCrop', crop_size=20),
     dict(type='RandomFlip', prob=0.5, direction='vertical')],
], ids=lambda t: '+'.join(x['type'] for x in t))
def test_the_cam_goes_where_the_image_goes(transforms):
    dataset = Drawn(pipeline=[*transforms, dict(type='PackInputs')])
    plain = dataset.pipeline
    np.random.seed(0), random.seed(0)
    expected = [dataset[i]['inputs'] for i in range(12)]
    following = np.random.rand(), random.random()
    dataset.pipeline = CAMPipeline(plain, low_cams())
    np.random.seed(0), random.seed(0)
    for i in range(12):
        item = dataset[i]
        assert torch.equal(item['inputs'], expected[i]), 'the image is as without'
        assert item['data_samples'].cam.dtype == torch.uint8
        assert torch.equal(item['data_samples'].cam, item['inputs'][0])
    assert following == (np.random.rand(), random.random()), 'so is the random stream'


def test_crop_and_flip_by_hand():
    pipeline = Compose([dict(type='RandomCrop', crop_size=16), dict(type='RandomFlip', prob=1.),
                        dict(type='PackInputs')])
    item = CAMPipeline(pipeline, low_cams())(dict(img=square(3), gt_label=1, sample_idx=3))
    cam = torch.from_numpy(cv2.resize(low_cams()[3].numpy(), (24, 24)))
    places = [cam[y:y + 16, x:x + 16].flip(1) for y in range(9) for x in range(9)
              if (torch.from_numpy(square(3)[y:y + 16, x:x + 16]).flip(1) == item['inputs'].permute(1, 2, 0)).all()]
    assert len(places) == 1 and torch.equal(places[0], item['data_samples'].cam)


@pytest.mark.parametrize('pad', [dict(type='RandomCrop', crop_size=32, padding=4, pad_val=(10, 20, 30)),
                                 dict(type='RandomCrop', crop_size=32, padding=4, pad_val=114),
                                 dict(type='Pad', size=(32, 32), pad_val=dict(img=200, seg=255))])
def test_padding_is_background(pad):
    pipeline = CAMPipeline(Compose([pad, dict(type='PackInputs')]), torch.full((1, 6, 6), 255, dtype=torch.uint8))
    item = pipeline(dict(img=np.zeros((24, 24, 3), np.uint8), gt_label=0, sample_idx=0))
    cam, padded = item['data_samples'].cam, item['inputs'][0] > 0
    assert padded.any() and not cam[padded].any() and (cam[~padded] == 255).all()


def test_colours_leave_the_cam_alone():
    steps = [dict(type='ColorJitter', brightness=0.9, contrast=0.9, saturation=0.9), dict(type='Solarize', thr=9),
             dict(type='RandomGrayscale', prob=1., keep_channels=True), dict(type='PackInputs')]
    item = CAMPipeline(Compose(steps), low_cams())(dict(img=square(0), gt_label=0, sample_idx=5))
    assert torch.equal(item['data_samples'].cam, torch.from_numpy(cv2.resize(low_cams()[5].numpy(), (24, 24))))


def test_every_transform_that_is_known_by_name_exists():
    known = cam_cache.GEOMETRIC | cam_cache.PIXELWISE
    assert [name for name in sorted(known) if getattr(TRANSFORMS.get(name), '__name__', None) != name] == []


def test_another_place_of_random_parameters_is_told(monkeypatch):
    monkeypatch.setattr(cam_cache, '_probe', type('Probe', (), dict(draw=lambda self: object())))
    with pytest.raises(RuntimeError, match='keeps random parameters elsewhere'):
        CAMPipeline(Compose([dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')]), low_cams())


def test_unknown_transforms_are_named():
    steps = [dict(type='Rotate', angle=9.), dict(type='PackInputs')]
    with pytest.raises(ValueError, match='cannot follow Rotate; use the online form'):
        CAMPipeline(Compose(steps), low_cams())


def test_a_set_without_indices_is_named():
    with pytest.raises(ValueError, match='sample_idx'):
        CAMPipeline(Compose([dict(type='PackInputs')]), low_cams())(dict(img=square(0), gt_label=0))


@pytest.mark.parametrize(('transforms', 'size'), [
    ([dict(type='RandomResizedCrop', scale=(224, 192)), dict(type='RandomFlip', prob=0.5)], (224, 192)),
    ([dict(type='EfficientNetRandomCrop', scale=64)], (64, 64)),
    ([dict(type='ResizeEdge', scale=256), dict(type='CenterCrop', crop_size=(20, 30))], (30, 20)),
    ([dict(type='RandomFlip', prob=0.5)], None)])
def test_size_of_the_training_crop(transforms, size):
    assert crop_size(Compose(transforms).transforms) == size


# ------------------------------------------------------------------------------------------------ the cached form

def expected_maps(model, start=0, n=12):
    data = Squares(n, start)
    inputs = torch.stack([data[i]['inputs'] for i in range(n)])
    cams = CAMTeacher(model)(inputs, torch.tensor([i % 2 for i in range(start, start + n)]))
    return (cams * 255).round().to(torch.uint8)


def nested():
    """Four data sets under a subset, a repetition and two concatenations."""
    thin = LongTailSubset(Squares(12), imbalance=3)
    joined = ConcatDataset([Squares(2, 31), Squares(6, 40)])
    return thin, torch.utils.data.ConcatDataset([thin, RepeatDataset(Squares(3, 20), 3), joined])


def test_each_image_gets_its_own_map_through_any_wrapper():
    model, (thin, dataset) = classifier(), nested()
    tables = compute_cams(CAMTeacher(model), dataset, None, 4, 0, 'cpu')
    used = torch.as_tensor(thin.indices)
    assert torch.equal(tables[0][used], expected_maps(model)[used]) and len(tables[0]) == 12
    for table, (start, n) in zip(tables[1:], ((20, 3), (31, 2), (40, 6)), strict=True):
        assert torch.equal(table, expected_maps(model, start, n))
    assert dataset[0].keys() == {'inputs', 'data_samples'}, 'the pipelines are back'


def test_the_pass_resizes_whole_images_to_the_crop(tmp_path):
    model = classifier()
    steps = [dict(type='RandomResizedCrop', scale=32), dict(type='PackInputs')]
    dataset = Squares(4, pipeline=steps)
    seen = CAMTeacher(model)
    state = np.random.get_state()[1].tolist()
    compute_cams(seen, dataset, None, 4, 0, 'cpu')
    assert np.random.get_state()[1].tolist() == state
    expected = torch.stack([torch.from_numpy(cv2.resize(square(i), (32, 32))) for i in range(4)]).permute(0, 3, 1, 2)
    torch.testing.assert_close(seen.backbone.seen[0] * 255, expected.float())


def cached(model, dataset, path, state=None, amp=False, **cfg):
    caster = stage(cached=True, **cfg)
    if state:
        caster.load_state_dict(state)
    caster.snapshot(model)
    caster.cache(dataset, path, batch_size=5, amp=amp)
    return caster


def count_passes(monkeypatch):
    import mmlt.engine.cam as module
    passes = []

    def counting(*args):
        passes.append(1)
        return compute_cams(*args)
    monkeypatch.setattr(module, 'compute_cams', counting)
    return passes


def test_the_file_is_used_again_only_if_it_fits(tmp_path, monkeypatch):
    path, passes, model = str(tmp_path / 'run' / 'cams.pth'), count_passes(monkeypatch), classifier()
    first = cached(model, Squares(), path)
    assert first.teacher is None and [f.name for f in (tmp_path / 'run').iterdir()] == ['cams.pth']
    cached(model, Squares(), path)
    assert len(passes) == 1
    cached(model, Squares(10), path)
    assert len(passes) == 2, 'another data set'
    with torch.no_grad():
        model.head.fc.weight[0, 0] += 1
    cached(model, Squares(10), path)
    assert len(passes) == 3, 'another teacher'
    cached(model, Squares(10), path, amp=torch.bfloat16)
    assert len(passes) == 4, 'another precision'
    cached(model, Squares(10), path)
    content = (tmp_path / 'run' / 'cams.pth').read_bytes()
    for damaged in (content[:len(content) // 2], b'', b'not ours', content[:-1]):
        (tmp_path / 'run' / 'cams.pth').write_bytes(damaged)
        again = cached(model, Squares(10), path)
        assert torch.equal(again.state_dict()['cams'][0], expected_maps(model, n=10))
    assert len(passes) == 9
    torch.save([1, 2], path)
    cached(model, Squares(10), path)
    assert len(passes) == 10, 'a foreign file'


def test_resuming_the_cached_form_makes_no_pass(tmp_path, monkeypatch):
    model, dataset = classifier(), Squares()
    state = cached(model, dataset, str(tmp_path / 'a.pth')).state_dict()
    torch.save(state, tmp_path / 'checkpoint.pth')
    state = torch.load(tmp_path / 'checkpoint.pth', weights_only=True)
    with torch.no_grad():
        model.head.fc.weight.neg_()
    passes = count_passes(monkeypatch)
    resumed = cached(model, dataset, str(tmp_path / 'b.pth'), state)
    assert not passes and resumed.state_dict()['key'] == state['key']
    assert torch.equal(read_cams(str(tmp_path / 'b.pth'), state['key'])[0], state['cams'][0])


def test_apply_takes_the_map_of_the_sample(tmp_path):
    model, dataset = classifier(), Squares()
    caster = cached(model, dataset, str(tmp_path / 'cams.pth'), kinds=['flip'])
    with pytest.raises(ValueError, match='CAMPipeline'):
        caster.apply(batch(), model, 0, 0)
    dataset.pipeline = CAMPipeline(dataset.pipeline, str(tmp_path / 'cams.pth'))
    data = default_collate([dataset[i] for i in range(12)])
    original, cams = data['inputs'].clone(), torch.stack([sample.cam for sample in data['data_samples']])
    caster.apply(data, model, 0, 0)
    assert torch.equal(data['inputs'], caster.augment.transform(original, cams, torch.Generator()))
    assert not any('cam' in sample for sample in data['data_samples'])
    online, plain = stage(kinds=['flip']), batch()
    online.snapshot(model)
    online.apply(plain, model, 0, 0)
    same = (plain['inputs'] == data['inputs']).double().mean()
    assert same > 0.98, 'but for the rounding of the maps to uint8'


@pytest.mark.parametrize('persistent', [True, False])
def test_workers_that_already_run_open_the_file_later(tmp_path, persistent):
    model, dataset, path = classifier(), Squares(), str(tmp_path / 'cams.pth')
    number = shared_stage()
    dataset.pipeline = StagedPipeline([dataset.pipeline, CAMPipeline(dataset.pipeline, path)], number)
    loader = DataLoader(dataset, 4, num_workers=2, persistent_workers=persistent, collate_fn=default_collate)
    assert not any('cam' in s for data in loader for s in data['data_samples'])
    caster = stage(cached=True)
    caster.snapshot(model)
    number.fill_(1)
    caster.cache(dataset, path, num_workers=1)
    samples = [s for data in loader for s in data['data_samples']]
    maps = expected_maps(model)
    for i, sample in enumerate(samples):
        assert torch.equal(sample.cam, torch.from_numpy(cv2.resize(maps[i].numpy(), (24, 24))))


def test_ranks_share_the_pass(tmp_path):
    gloo.spawn(cam_ranks.worker, tmp_path)
    results = [torch.load(tmp_path / f'rank{rank}.pth') for rank in range(2)]
    for cams, seen in results:
        assert torch.equal(cams, expected_maps(classifier(), n=13)) and seen == 7


def test_an_inverted_file_is_not_believed(tmp_path):
    model, dataset, path = classifier(), Squares(), str(tmp_path / 'cams.pth')
    state = cached(model, dataset, path).state_dict()
    good = [table.clone() for table in state['cams']]
    data = torch.load(path)
    torch.save(dict(data, cams=[255 - table for table in good]), path)
    assert read_cams(path, state['key']) is None
    resumed = cached(model, dataset, path, dict(state, cams=good))
    assert all(map(torch.equal, resumed.state_dict()['cams'], good))
    assert all(map(torch.equal, read_cams(path, state['key']), good))
    with pytest.raises(ValueError, match=r'there are CAMs of \[1\] images, the training set has'):
        cached(model, dataset, path, dict(state, cams=[good[0][:1]]))
    assert [file.name for file in tmp_path.iterdir()] == ['cams.pth']

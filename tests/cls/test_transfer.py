"""Whole methods with a frozen teacher: DiVE, CBD and M2m, in runs of seconds."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from torch.nn import functional as F

from mmlt.cls.major_to_minor import MajorToMinor

HEAD = dict(type='LongTailClsHead', num_classes=3, in_channels=16)


@pytest.fixture(scope='module')
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp('teacher')
    run = tiny.train(folder, epochs=3, model__head=dict(HEAD, loss=dict(type='BalancedSoftmaxLoss')))
    run.cfg.dump(folder / 'config.py')
    return dict(config=str(folder / 'config.py'), checkpoint=str(folder / 'epoch_3.pth'))


def methods(teacher):
    distilled = dict(model__type='DistillClassifier', model__teacher=teacher, model__head=HEAD)
    balanced = dict(stages=[dict(begin=0, sampler=dict(type='ClassBalancedSampler'))])
    m2m = dict(type='MajorToMinor', generator=teacher, gamma=0.3, beta=0.5, steps=3)
    return dict(
        dive=distilled, xerm=dict(distilled, model__loss=dict(type='XERMLoss')),
        bkd=dict(distilled, model__loss=dict(type='BKDLoss')),
        cbd=dict(distilled, model__teacher=[teacher, teacher], model__loss=dict(type='CBDLoss'), **balanced),
        m2m=dict(stages=[dict(begin=1, sampler=dict(type='ClassBalancedSampler'), batch_augments=m2m)]))


def same(a, b):
    a, b = a.model.state_dict(), b.model.state_dict()
    assert a.keys() == b.keys()
    return [k for k in a if not torch.equal(a[k], b[k])] == []


@pytest.mark.parametrize('name', ['dive', 'bkd', 'xerm', 'cbd', 'm2m'])
def test_training_resumes_bit_identically(tmp_path, teacher, name):
    settings = methods(teacher)[name]
    whole = tiny.train(tmp_path / 'whole', epochs=3, **settings)
    saved = str(tmp_path / 'whole/epoch_2.pth')
    part = tiny.train(tmp_path / 'part', epochs=3, resume=True, load_from=saved, **settings)
    assert same(whole, part)
    losses = whole.message_hub.get_scalar('train/loss').data[0]
    assert losses[-3:].mean() < losses[:3].mean()
    saved = torch.load(tmp_path / 'whole/epoch_3.pth', weights_only=False)
    assert next(iter(saved['meta']['teachers'].values()))['checkpoint'] == teacher['checkpoint']
    assert not [k for k in saved['state_dict'] if 'teacher' in k]


def test_dive_asks_the_teacher_about_the_same_image(tmp_path, teacher):
    run = tiny.runner(tmp_path, **methods(teacher)['dive'])
    model, data = run.model.eval(), next(iter(run.train_dataloader))
    model.head.loss_module.set_class_counts(tiny.COUNTS)
    data = model.data_preprocessor(data)
    labels = torch.cat([sample.gt_label for sample in data['data_samples']])
    loss = model.loss(**data)['loss']
    t = (model.teacher(data['inputs']).logits / 4).softmax(1)
    z = model(data['inputs'], mode='tensor')
    expected = 2 * F.kl_div((z / 2).log_softmax(1), t, reduction='batchmean')
    expected += 0.5 * F.cross_entropy(z + torch.tensor(tiny.COUNTS).log(), labels)
    torch.testing.assert_close(loss, expected)


def test_cbd_projects_to_all_teachers(tmp_path, teacher):
    model = tiny.runner(tmp_path, **methods(teacher)['cbd']).model
    assert tuple(model.projection.weight.shape) == (32, 16)
    assert any(p is model.projection.weight for p in model.parameters())


def augment(tmp_path, teacher, **kwargs):
    model = tiny.runner(tmp_path).model.train()
    own = MajorToMinor(teacher, class_counts=tiny.COUNTS, seed=0, **kwargs)
    own.attach(model)
    return own, model


def batch(labels):
    g = torch.Generator().manual_seed(0)
    return torch.randn(len(labels), 3, 8, 8, generator=g), F.one_hot(torch.tensor(labels), 3)


def test_m2m_replaces_tail_images_only(tmp_path, teacher):
    own, model = augment(tmp_path, teacher, gamma=0., beta=0.01)
    model.backbone.layer1.eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    inputs, one_hot = batch([0] * 12 + [1] * 6 + [2] * 6)
    images, labels = own(inputs, one_hot)
    changed = (images != inputs).flatten(1).any(1)
    assert not changed[:12].any() and changed[18:].float().mean() > 0.5
    assert torch.equal(labels, one_hot.float())
    pixels = images[changed] * 60 + 127
    assert pixels.min() > -1e-2 and pixels.max() < 255.01
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())  # no batch norm statistics moved
    assert model.training and not model.backbone.layer1.training and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize('kwargs', [dict(gamma=1.), dict(beta=1 - 1e-12)])
def test_m2m_leaves_what_is_not_accepted(tmp_path, teacher, kwargs):
    own, _ = augment(tmp_path, teacher, **kwargs)
    inputs, one_hot = batch([0] * 6 + [2] * 6)
    assert torch.equal(own(inputs, one_hot)[0], inputs)


def test_m2m_costs_nothing_on_a_batch_of_one_class(tmp_path, teacher):
    own, _ = augment(tmp_path, teacher)
    own.translated = None
    inputs, one_hot = batch([2] * 6)
    assert own(inputs, one_hot)[0] is inputs


@pytest.mark.parametrize('kwargs, message', [
    (dict(beta=1.), 'beta must be a number'), (dict(gamma=2), 'gamma must be'), (dict(steps=-1), 'steps must be'),
    (dict(random_start='batch'), "random_start must be 'image', 'code' or None, got 'batch'"),
])
def test_m2m_bad_arguments(teacher, kwargs, message):
    with pytest.raises(ValueError, match=message):
        MajorToMinor(teacher, **kwargs)


def test_missing_and_foreign_teachers(tmp_path, teacher):
    missing = dict(teacher, checkpoint=str(tmp_path / 'none.pth'))
    for name in ('dive', 'm2m'):
        with pytest.raises(FileNotFoundError, match=r'none.pth does not exist; train the teacher first'):
            tiny.train(tmp_path, **methods(missing)[name])
    with pytest.raises(ValueError, match=r'teacher=\[\]'):
        tiny.runner(tmp_path, **dict(methods(teacher)['dive'], model__teacher=[]))
    with pytest.raises(RuntimeError, match='does not know the model'):
        MajorToMinor(teacher, class_counts=tiny.COUNTS)(*batch([0, 2]))
    other = dict(train_dataloader__dataset__counts=(40, 15, 6))
    for name in ('dive', 'm2m'):
        with pytest.raises(ValueError, match=r'trained with other class counts.*5 against 6 in class 2'):
            tiny.train(tmp_path / name, **methods(teacher)[name], **other)

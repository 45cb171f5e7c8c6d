"""A teacher beside a student, in training and out of it."""
import copy

import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.models import ImageClassifier

from mmlt.engine.teacher import FrozenTeacher


@MODELS.register_module()
class Student(ImageClassifier):
    """Learns what its teacher's logits are."""

    def __init__(self, teacher, **kwargs):
        super().__init__(**kwargs)
        self.teacher = FrozenTeacher.build(teacher)

    def loss(self, inputs, data_samples):
        logits, feats = self.teacher(inputs)
        assert not logits.requires_grad and not feats.requires_grad
        losses = self.head.loss(self.extract_feat(inputs), data_samples)
        return losses | dict(loss_teacher=(self.head(self.extract_feat(inputs)) - logits).square().mean())


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint with EMA, a stage's loss and class counts, and its config file."""
    folder = tmp_path_factory.mktemp('teacher')
    run = tiny.train(folder, epochs=1, stages=[dict(begin=0, loss=dict(type='BalancedSoftmaxLoss'))],
                     custom_hooks=[dict(type='EMAHook')])
    run.cfg.dump(folder / 'config.py')
    return dict(config=str(folder / 'config.py'), checkpoint=str(folder / 'epoch_1.pth'))


def student(folder, teacher, epochs=2, **settings):
    return tiny.train(folder, epochs, model__type='Student', model__teacher=dict(teacher), **settings)


def images(n=4):
    return torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_it_answers_as_the_checkpoint_does(trained):
    teacher = FrozenTeacher.build(trained)
    run = tiny.runner(trained['checkpoint'] + '_again', load_from=trained['checkpoint'],
                      stages=[dict(begin=0, loss=dict(type='BalancedSoftmaxLoss'))])
    run.load_or_resume()
    model = run.model.eval()
    with torch.no_grad():
        feats = model.extract_feat(images())
        expected = model.head(feats), feats[0]
    assert all(map(torch.equal, teacher(images()), expected))
    assert (teacher.num_classes, teacher.width) == (3, 16)
    init_default_scope('mmpretrain')
    with pytest.raises(ValueError, match='code which building it would execute; name one'):
        FrozenTeacher.build(dict(checkpoint=trained['checkpoint']))
    inside = FrozenTeacher.build(dict(checkpoint=trained['checkpoint'], trust=True))
    assert torch.equal(inside(images()).logits, expected[0]), 'by the config in the checkpoint'


def test_it_stays_out_of_the_student(trained, tmp_path):
    run = student(tmp_path, trained, custom_hooks=[dict(type='EMAHook')])
    teacher = run.model.teacher
    fresh = FrozenTeacher.build(trained)
    assert all(torch.equal(a, b) for a, b in zip(teacher.model.parameters(), fresh.model.parameters(), strict=True))
    assert teacher.record() == fresh.record()
    assert not any(m.training for m in teacher.model.train().modules())
    plain = tiny.runner(tmp_path / 'plain').model
    assert run.model.state_dict().keys() == plain.state_dict().keys()
    assert len(list(run.model.parameters())) == len(list(plain.parameters()))
    ema = next(hook.ema_model.module for hook in run.hooks if hasattr(hook, 'ema_model'))
    assert ema.teacher is teacher
    saved = torch.load(tmp_path / 'epoch_2.pth', weights_only=False)
    assert saved['meta']['teachers'] == {'teacher': dict(checkpoint=trained['checkpoint'], **{
        'sha256': teacher.record()['sha256']})}
    assert not any('teacher' in key for key in saved['state_dict'])


def test_resuming(trained, tmp_path):
    whole = student(tmp_path / 'whole', trained)
    resume = dict(resume=True, load_from=str(tmp_path / 'whole/epoch_1.pth'))
    part = student(tmp_path / 'part', trained, **resume)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, part.model.state_dict()[key])
    other = dict(trained, checkpoint=str(tmp_path / 'other.pth'))
    checkpoint = torch.load(trained['checkpoint'], weights_only=False)
    checkpoint['state_dict']['head.fc.bias'] += 1
    torch.save(checkpoint, other['checkpoint'])
    with pytest.raises(ValueError, match=r'trained with the teacher .*epoch_1\.pth.*teacher now is .*other\.pth'):
        student(tmp_path / 'else', other, **resume)


def test_a_copy_stays_as_it_was(tmp_path):
    model = tiny.runner(tmp_path).model
    teacher = FrozenTeacher.build(model)
    before = teacher(images())
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(2)
    model.train()(images())
    assert all(map(torch.equal, before, teacher(images())))
    assert copy.deepcopy(teacher) is teacher and FrozenTeacher.build(teacher) is teacher
    assert model.head.fc.weight.requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_it_follows_the_device_of_its_inputs(tmp_path):
    teacher = FrozenTeacher.build(tiny.runner(tmp_path).model)
    assert teacher(images().cuda()).logits.is_cuda


def test_autocast_of_the_student(trained):
    teacher = FrozenTeacher.build(trained)
    with torch.autocast('cpu', torch.bfloat16):
        assert teacher(images()).logits.dtype == torch.bfloat16


def test_a_timm_teacher():
    pytest.importorskip('timm')
    from mmpretrain.models import TimmClassifier
    model = TimmClassifier(model_name='resnet10t', num_classes=5, pretrained=False)
    teacher = FrozenTeacher.build(model)
    x = torch.randn(2, 3, 32, 32)
    logits, feats = teacher(x)
    assert (teacher.num_classes, teacher.width) == (5, 512) and feats.shape == (2, 512)
    assert torch.equal(logits, model.eval()(x))


@pytest.mark.parametrize(('settings', 'words'), [
    (dict(train_dataloader__dataset__counts=(40, 15, 4)), r'other class counts, as 5 against 4 in class 2.*same'),
    (dict(train_dataloader__dataset__metainfo=dict(classes=['a', 'c', 'b'])), r"first class 1: \['b'\] .* \['c'\]"),
    (dict(data_preprocessor__std=[61.] * 3), r'data_preprocessor\.std=\[60.*61.*the same data_preprocessor'),
    (dict(model__head__num_classes=4, data_preprocessor__num_classes=4,
          train_dataloader__dataset__counts=(40, 15, 4, 1),
          train_dataloader__dataset__metainfo=dict(classes=list('abcd'))), 'has 3 classes, the student 4')])
def test_a_teacher_that_does_not_fit_the_student(trained, tmp_path, settings, words):
    with pytest.raises(ValueError, match=words):
        student(tmp_path, trained, 1, **settings)


def test_other_counts_may_be_allowed(trained, tmp_path):
    student(tmp_path, trained | dict(same_counts=False), 1, train_dataloader__dataset__counts=(40, 15, 4))


def test_width(trained):
    teacher = FrozenTeacher.build(trained)
    teacher.check(width=16)
    with pytest.raises(ValueError, match='has 16 features, the student 8; project'):
        teacher.check(width=8)


def test_what_cannot_be_built(trained, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth does not exist; train the teacher first'):
        FrozenTeacher.build(dict(config=trained['config'], checkpoint='nowhere.pth'))
    for wrong in (dict(config=trained['config']), dict(trained, ckpt=1)):
        with pytest.raises(ValueError, match=r'expected dict\(config=\.\.\., checkpoint=\.\.\.\)'):
            FrozenTeacher.build(wrong)
    with pytest.raises(TypeError, match='Linear cannot be a teacher'):
        FrozenTeacher.build(torch.nn.Linear(2, 2))
    model = dict(tiny.config(tmp_path).model)
    for change, words in ((dict(head=dict(model['head'], num_classes=4)), 'do not fit the teacher.s config'),
                          (dict(backbone=dict(model['backbone'], depth=14)), 'lacks .* weights, as backbone')):
        with pytest.raises(ValueError, match=words):
            FrozenTeacher.build(dict(trained, config=dict(model=model | change)))
    checkpoint = torch.load(trained['checkpoint'], weights_only=False)
    torch.save(checkpoint['state_dict'], tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='holds no config; name one'):
        FrozenTeacher.build(dict(checkpoint=str(tmp_path / 'bare.pth')))
    FrozenTeacher.build(dict(trained, checkpoint=str(tmp_path / 'bare.pth')))

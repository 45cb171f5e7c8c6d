"""The overlays of experts, distillation, transfer and SAM: they build for each data set, and train on the digits."""
import math

import numpy as np
import pytest
import torch

pytest.importorskip('mmpretrain')
from mmengine.registry import MODELS
from mmengine.runner import Runner

from mmlt.engine.overlays import load

# sade, sam and focal_sam differ from one of these in settings
ALONE = ['ride', 'balpoe', 'reslt', 'shike', 'metasaug', 'batchformer', 'accuracy_driven', 'cuda', 'imbsam', 'rsg']
AFTER = dict(ride_router='ride', ride_distill='ride_teacher', dive='balanced_softmax', cbd=None, m2m=None,
             meta_sampler=None, gml_again='gml_alone', tsc='kcl', dro_lt=None, xerm=None, bkd=None,
             gcl_classifier='gcl')
EXPERTS = {'ride', 'sade', 'balpoe', 'ride_router'}


def small(folder, *overlays, **options):
    """Two epochs of the digits with a network of 6 layers and a quarter of the channels."""
    base = load('digits')
    base.model.backbone.update(depth=8, base_channels=4)
    base.model.head.in_channels, base.param_scheduler = 16, []
    base.train_cfg.update(max_epochs=2, val_interval=2)
    folder.mkdir(exist_ok=True)
    base.dump(folder / 'base.py')
    cfg = load(folder / 'base.py', *overlays, options=options)
    cfg.train_cfg.update(max_epochs=2, val_interval=2)
    cfg.work_dir, cfg.log_level, cfg.experiment_name = str(folder), 'ERROR', '+'.join(overlays) or 'plain'
    for stage in cfg.default_hooks.get('stages', {}).get('stages', []):
        stage.begin = min(stage.begin, 1)
    cfg.dump(folder / 'run.py')
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


@pytest.mark.parametrize('name', ALONE)
def test_alone(tmp_path, name):
    run = small(tmp_path, name)
    losses = run.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) > 10 and all(map(math.isfinite, losses))


@pytest.fixture(scope='module')
def first_runs(tmp_path_factory):
    """The run that each second one starts from."""
    done = {}

    def run(name):
        if name not in done:
            folder = tmp_path_factory.mktemp(name or 'plain')
            small(folder, *[name] if name else [])
            done[name] = str(folder / 'epoch_2.pth')
        return done[name]
    return run


@pytest.mark.parametrize('name', AFTER)
def test_after_a_first_run(tmp_path, first_runs, name):
    checkpoint = first_runs(AFTER[name])
    taught = name in ('dive', 'bkd', 'cbd', 'xerm', 'ride_distill', 'gml_again')
    where = 'model.teacher.checkpoint' if taught else 'load_from'
    if name == 'm2m':
        where = 'default_hooks.stages.stages.0.batch_augments.generator.checkpoint'
    more = {'model.teacher.config': checkpoint.replace('epoch_2.pth', 'run.py')} if name == 'gml_again' else {}
    if name == 'bkd':  # as on CIFAR-10, whose weights come late
        more = {'model.loss.beta': 0.0, 'default_hooks.stages': dict(
            type='StageSwitchHook', stages=[dict(begin=1, loss=dict(type='BKDLoss'))])}
    run = small(tmp_path, name, **{where: checkpoint}, **more)
    assert all(map(math.isfinite, run.message_hub.get_scalar('train/loss').data[0]))
    if name == 'bkd':
        assert [loss.beta for loss in run.model.head.loss_module.losses] == [0.0, 0.9999]
        assert run.model.head.loss_module.stage == 1
    if name == 'ride_router':
        assert 1 <= run.message_hub.get_scalar('val/experts/mean_used').current() <= 3


def test_three_experts_teach_one(tmp_path, first_runs):
    few = small(tmp_path / 'few', 'lfme_few').train_dataloader
    assert {few.dataset.get_cat_ids(i)[0] for i in few.batch_sampler.sampler} == {5, 6, 7, 8, 9}
    paths = first_runs(None), first_runs(None), str(tmp_path / 'few/epoch_2.pth')
    run = small(tmp_path, 'lfme', **{f'model.teacher.{i}.checkpoint': path for i, path in enumerate(paths)})
    assert all(map(math.isfinite, run.message_hub.get_scalar('train/loss').data[0]))
    assert (run.model.head.loss_module.hits[1] > 0).any()


@pytest.mark.parametrize('name', ['rotation', 'simsiam', 'mocov3'])
def test_pretraining_without_labels(tmp_path, name):
    """The backbone of such a run is where the next one starts; all else is new."""
    first = small(tmp_path, name, param_scheduler=[], **{'default_hooks.record': dict(type='RecordHook')})
    assert all(map(math.isfinite, first.message_hub.get_scalar('train/loss').data[0]))
    if name == 'rotation':
        with np.load(tmp_path / 'predictions.npz') as saved:
            assert len(saved['class_counts']) == 4 and saved['label'].max() == 3 and not len(saved['classes'])
    still = {'optim_wrapper.optimizer.lr': 0.0, 'optim_wrapper.optimizer.weight_decay': 0.0}
    path = str(tmp_path / 'epoch_2.pth')
    second = small(tmp_path / 'second', 'balanced_softmax', 'ssp', load_from=path, **still)
    for key, value in first.model.backbone.named_parameters():
        assert torch.equal(value, second.model.backbone.get_parameter(key)), key
    with pytest.raises(ValueError, match=r'does not fit the config: it lacks .* backbone.layer1.1'):
        small(tmp_path / 'other', 'ssp', load_from=path, **{'model.backbone.depth': 14})


@pytest.mark.parametrize('name', sorted(EXPERTS | {
    'm2m', 'dive', 'cbd', 'meta_sampler', 'mocov3', 'rsg', 'sam', 'focal_sam'}))
@pytest.mark.parametrize('data', ['cifar100_lt', 'cifar10_lt_mini', 'imagenet_lt', 'inat2018'])
def test_settings_of_each_data_set(data, name):
    cfg = load(data, name)
    if name in EXPERTS:
        if data == 'imagenet_lt' and name in ('ride', 'balpoe'):
            MODELS.build(cfg.model.backbone)
        head = MODELS.build(cfg.model.head)
        width = 64 if 'cifar' in data else 2048
        assert head.in_channels == (width if name == 'balpoe' else width * 3 // 4)
    text = cfg.pretty_text
    assert '{{' not in text and '_delete_' not in text


def test_released_settings():
    ride = load('imagenet_lt', 'ride')
    late = ride.default_hooks.stages.stages[0]
    assert (late.begin, late.loss.reweight_factor, ride.optim_wrapper.optimizer.weight_decay) == (80, 0.02, 2e-4)
    assert load('cifar100_lt', 'ride').model.head.loss.diversity == -0.45
    assert load('inat2018', 'sade').model.head.loss.tau == 1.0
    dive = load('cifar100_lt', 'dive')
    assert dive.param_scheduler[-1].milestones == [119, 159]
    assert dive.model.teacher.checkpoint == 'work_dirs/balanced_softmax_cifar100_lt/epoch_200.pth'
    assert load('cifar10_lt', 'balpoe').model.train_cfg.augments.alpha == 0.8
    inat = load('inat2018', 'balpoe')
    assert inat.model.head.loss.taus == (-1, 1, 3) and inat.model.backbone.backbone.type == 'ResNet'
    assert load('cifar100_lt', 'sade').param_scheduler[-1].gamma == 0.1
    assert load('cifar100_lt', 'ssp').load_from == 'work_dirs/rotation_cifar100_lt/epoch_200.pth'
    both = load('cifar100_lt', 'ldam-drw', 'sam')
    assert both.optim_wrapper.type == 'SAMOptimWrapper' and both.model.head.loss.type == 'LDAMLoss'


def test_experts_of_another_backbone():
    cfg = load('imagenet_lt', 'sade', options={'model.backbone.backbone': dict(type='ResNet10')})
    with pytest.raises(ValueError, match=r'got ResNet10 of depth 50; change model.backbone'):
        MODELS.build(cfg.model.backbone)

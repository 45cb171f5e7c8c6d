"""Overlays over configs of the frameworks and of one's own: the rules of merging, what is added, what is refused."""
import pytest

pytest.importorskip('mmpretrain')
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmlt.engine.overlays import find_overlay, load
from mmlt.engine.overlays.merge import merge

RESNET = 'mmpretrain::resnet/resnet18_8xb16_cifar10.py'
VIT = 'mmpretrain::vision_transformer/vit-base-p16_64xb64_in1k.py'
SWIN = 'mmpretrain::swin_transformer/swin-tiny_16xb64_in1k.py'


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path / name
    return write


@pytest.mark.parametrize(('name', 'text'), [
    ('a.json', 'null'), ('a.py', 'model = ('), ('a.py', 'a = b'), ('a.yaml', '1')])
def test_a_file_that_is_no_config(write, name, text):
    with pytest.raises(ValueError, match=f'{name} is no config'):
        load(write(name, text))


# rules

@pytest.mark.parametrize('old, new, merged', [
    (dict(a=1, b=dict(c=2)), dict(b=dict(d=3)), dict(a=1, b=dict(c=2, d=3))),
    (dict(b=dict(type='X', c=2)), dict(b=dict(d=3)), dict(b=dict(type='X', c=2, d=3))),
    (dict(b=dict(type='X', c=2)), dict(b=dict(type='X', d=3)), dict(b=dict(type='X', c=2, d=3))),
    (dict(b=dict(type='X', c=2)), dict(b=dict(type='Y', d=3)), dict(b=dict(type='Y', d=3))),
    (dict(b=dict(type='X', c=2)), dict(b=dict(_delete_=True, d=3)), dict(b=dict(d=3))),
    (dict(b=[dict(type='X'), dict(type='Y')]), dict(b=dict(type='Z')), dict(b=dict(type='Z'))),
    (dict(b=[dict(type='X'), dict(type='Y')]), dict(b=dict(c=1)), dict(b=[dict(type='X', c=1), dict(type='Y', c=1)])),
    (dict(b=[1, dict(c=1)]), dict(b={'1': dict(d=2)}), dict(b=[1, dict(c=1, d=2)])),
    (dict(b=[1]), dict(b=[2, 3]), dict(b=[2, 3])),
    (dict(b=[1]), dict(b=dict(_append_=[2])), dict(b=[1, 2])),
    (dict(b=dict(c=1)), dict(b=dict(_append_=[2])), dict(b=[dict(c=1), 2])),
    (dict(b=None), dict(b=dict(type='Mixup')), dict(b=dict(type='Mixup'))),
    (dict(b=dict(c=1)), dict(b=None), dict(b=None)),
    (dict(custom_hooks=[dict(type='EMAHook')]), dict(custom_hooks=[dict(type='MaxNormHook')]),
     dict(custom_hooks=[dict(type='EMAHook'), dict(type='MaxNormHook')])),
])
def test_rules(old, new, merged):
    before = repr(old), repr(new)
    assert merge(old, new, 'mine') == merged
    assert before == (repr(old), repr(new))


def test_a_class_that_derives_from_the_old_one_keeps_its_arguments():
    loss = dict(type='CrossEntropyLoss', reduction='sum')
    base = dict(model=dict(head=dict(type='LinearClsHead', num_classes=7, loss=loss)),
                train_dataloader=dict(sampler=dict(type='PowerSampler', q=0.3)), default_scope='mmpretrain')
    new = dict(model=dict(head=dict(type='CosineClsHead', scale=4, loss=dict(type='LDAMLoss'))),
               train_dataloader=dict(sampler=dict(type='SquareRootSampler')))
    merged = merge(base, new, 'mine')
    assert merged['model']['head'] == dict(type='CosineClsHead', num_classes=7, scale=4, loss=dict(type='LDAMLoss'))
    assert merged['train_dataloader']['sampler'] == dict(type='SquareRootSampler')
    other = merge(base, dict(model=dict(head=dict(type='VisionTransformerClsHead', hidden_dim=3))), 'mine')
    assert other['model']['head'] == dict(type='VisionTransformerClsHead', hidden_dim=3)


def test_references_and_tuned_values(write):
    base = write('base.py', 'data_name = "set"\ntrain_cfg = dict(max_epochs=40)\nload_from = None\n'
                            'train_dataloader = dict(dataset=dict(imbalance=20))\nmodel = dict(width=3)\n'
                            'test = dict(pipeline=[dict(type="A")])')
    over = write('over.py', "load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'\n"
                            "_x = 5\nmodel = dict(width='{{model.width}}', k=1)\npipeline = '{{test.pipeline}}'\n"
                            "train_cfg = dict(max_epochs='{{train_cfg.max_epochs + 10}}')\n"
                            "tuned = {'set': {'model.k': 2, 'a.b': 7}, 'set/20': {'model.k': 3},\n"
                            "         'set/9': {'model.k': 4}}")
    cfg = load(base, over)
    assert cfg.load_from == 'work_dirs/base/epoch_40.pth' and cfg.model == dict(width=3, k=3) and cfg.a.b == 7
    assert cfg.pipeline == cfg.test.pipeline and cfg.train_cfg.max_epochs == 50
    assert '_x' not in cfg and 'tuned' not in cfg
    cfg = load(base, over, options={'train_cfg.max_epochs': 7, 'train_dataloader.dataset.imbalance': 9})
    assert cfg.load_from.endswith('epoch_7.pth') and cfg.train_cfg.max_epochs == 7 and cfg.model.k == 4
    with pytest.raises(ValueError, match=r'bad needs model.depth, which the config does not have; give --cfg-opt'):
        load(base, write('bad.py', "model = dict(depth='{{model.depth}}')"))


# what is added

def test_the_users_lists_stay(write):
    base = write('base.py', f'_base_ = "{RESNET}"\ncustom_hooks = [dict(type="EMAHook"), dict(type="PreciseBNHook")]\n'
                            'val_evaluator = [dict(type="Accuracy"), dict(type="SingleLabelMetric")]\n'
                            'test_evaluator = dict(type="Accuracy")')
    cfg = load(base, 'balanced_softmax', 'drs')
    assert [hook.type for hook in cfg.custom_hooks] == ['EMAHook', 'PreciseBNHook']
    assert [metric.type for metric in cfg.val_evaluator] == ['Accuracy', 'SingleLabelMetric', 'LongTailMetric']
    assert [metric.type for metric in cfg.test_evaluator] == ['Accuracy', 'LongTailMetric']
    assert cfg.default_hooks.class_counts.type == 'ClassCountsHook' and 'mmlt' in cfg.custom_imports.imports
    assert cfg.model.head.loss == dict(type='BalancedSoftmaxLoss') and cfg.model.head.type == 'LinearClsHead'
    assert load(base, 'drs', 'balanced_softmax').default_hooks.stages == cfg.default_hooks.stages


def test_nothing_is_added_twice(write):
    base = write('base.py', f'_base_ = "{RESNET}"\ncustom_hooks = [dict(type="ClassCountsHook")]\n'
                            'val_evaluator = [dict(type="LongTailMetric", many=9)]\ntest_evaluator = val_evaluator')
    cfg = load(base, 'drs')
    assert 'class_counts' not in cfg.default_hooks and len(cfg.val_evaluator) == 1


def test_stages_of_several_overlays_join(write):
    late = write('late.py', 'default_hooks = dict(stages=dict(type="StageSwitchHook", '
                            'stages=[dict(begin=0.5, lr=0.1)]))')
    stages = load(RESNET, 'drs', late, 'ldam-drw').default_hooks.stages.stages
    assert [stage.begin for stage in stages] == [100, 160, 160]
    assert {'sampler', 'loss'} <= {*stages[1], *stages[2]}
    assert [stage.begin for stage in load(RESNET, 'drs', 'crt').default_hooks.stages.stages] == [0]


def test_the_merged_config_runs_alone(tmp_path):
    cfg = load(VIT, 'ldam-drw')
    cfg.dump(tmp_path / cfg.filename)
    assert (tmp_path / 'ldam-drw_vit-base-p16_64xb64_in1k.py').is_file()
    assert Config.fromfile(tmp_path / cfg.filename).to_dict() == cfg.to_dict()


def test_a_head_with_its_own_keys_gets_its_classifier_by_swapping(write):
    small = {'model.backbone.arch': 'deit-tiny', 'model.head.in_channels': 192}
    cfg = load(VIT, 'ldam-drw', 'crt-one_run', options=small)
    assert cfg.model.type == 'SwapClassifier' and cfg.model.path == 'head.layers.head'
    assert cfg.model.model.head.hidden_dim == 3072 and cfg.model.model.train_cfg.augments.type == 'Mixup'
    assert cfg.default_hooks.stages.stages[-1].reinit == ['head.layers.head']
    init_default_scope('mmpretrain')
    model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
    assert type(model.head.layers.head).__name__ == 'CosineLinear' and type(model.head).__name__.startswith('VisionT')
    swapped = write('swapped.py', f'_base_ = "{VIT}"\nmodel = dict(_delete_=True, type="SwapClassifier", to=dict(type='
                                  '"CosineLinear"), path="head.layers.head", model={{_base_.model}})')
    assert load(swapped, 'balanced_softmax').model.model.head.loss.type == 'BalancedSoftmaxLoss'


def test_a_classifier_of_another_library(write):
    pytest.importorskip('timm')
    base = write('base.py', f'_base_ = "{RESNET}"\nmodel = dict(_delete_=True, type="TimmClassifier", num_classes=10, '
                            'model_name="test_resnet", loss=dict(type="CrossEntropyLoss", loss_weight=2.0))')
    cfg = load(base, 'ldam-drw', 'crt-one_run')
    assert cfg.model.path == 'model.fc' and cfg.model.model.loss == dict(type='LDAMLoss')
    assert cfg.default_hooks.stages.stages[-1].reinit == ['model.fc']
    init_default_scope('mmpretrain')
    assert type(MODELS.build(cfg.model).model.fc).__name__ == 'CosineLinear'
    with pytest.raises(ValueError, match=r'eql changes model.head.init_cfg; TimmClassifier has no head of its own'):
        load(base, 'eql')


def test_a_data_set_inside_its_wrapper():
    wrapped = load('folder_lt', 'ncm').train_dataloader.dataset
    assert wrapped.dataset.pipeline == load('folder_lt').test_pipeline and 'pipeline' not in wrapped


def test_both_classifiers_of_a_distilled_network():
    cfg = load('mmpretrain::deit/deit-tiny-distilled_4xb256_in1k.py', 'cosine')
    assert cfg.model.path == ['head.layers.head', 'head.layers.head_dist']


@pytest.mark.parametrize('config', [RESNET, SWIN])
def test_a_linear_head_becomes_ours_where_a_method_needs_it(config):
    assert load(config, 'ldam').model.head.type == 'LongTailClsHead'
    assert load(config, 'ib').model.head.type == 'LongTailClsHead'  # by a stage's loss, which takes features
    assert load(config, 'cb_sampling').model.head.type == 'LinearClsHead'
    assert load(config, 'mixup_mislas').model.train_cfg.augments == dict(type='Mixup', alpha=1.0)  # no list any more


def test_names():
    assert load('cifar100_lt', 'drs', 'balanced_softmax').filename == 'drs+balanced_softmax_cifar100_lt.py'
    assert find_overlay('eqlv2', 'mmdet').parent.parent.name == 'det'
    assert find_overlay('ce').parent.name == 'gallery'
    with pytest.raises(FileNotFoundError, match='no overlay ldam-drv; did you mean ldam-drw'):
        load('cifar100_lt', 'ldam-drv')
    with pytest.raises(FileNotFoundError, match='no config cifar101_lt; did you mean cifar10_lt, cifar100_lt'):
        load('cifar101_lt', 'drs')
    with pytest.raises(FileNotFoundError, match=r'no config mmpretrain::resnet/nothing.py'):
        load('mmpretrain::resnet/nothing.py')


def test_an_overlay_of_another_framework():
    with pytest.raises(FileNotFoundError, match='ldam is an overlay for mmpretrain, the config is one of mmdet'):
        find_overlay('ldam', 'mmdet')
    with pytest.raises(FileNotFoundError, match=r'no config mmpretrian::'):
        load('mmpretrian::resnet/resnet50_8xb32_in1k.py')
    with pytest.raises(FileNotFoundError, match='does not exist; did you mean resnet50_8xb32_in1k'):
        load('mmpretrain::resnet/resnet50_8xb32_in1.py')


def test_what_has_no_effect_is_said(recwarn):
    load('digits', 'drs', 'balanced_softmax', options={'train_cfg.max_epochs': 10, 'compile': False})
    assert not [w for w in recwarn if 'setting' in str(w.message) or 'loss' in str(w.message)]
    with pytest.warns(UserWarning, match='BalancedSoftmaxLoss of balanced_softmax takes the place of LDAMLoss'):
        load('digits', 'ldam', 'balanced_softmax')
    for overlays in ([], ['drs']):
        with pytest.warns(UserWarning, match='nothing here reads the setting optim_wraper.*did you mean optim_wrapper'):
            load('digits', *overlays, options={'optim_wraper.optimizer.lr': 0.1})


def test_our_configs_as_bases_of_others(write):
    mine = "_base_ = 'mmlt::lt/cam_bs_imagenet_lt.py'\nmodel = dict(head=dict(num_classes=7))"
    cfg = Config.fromfile(write('mine.py', mine))
    assert cfg.model.head.num_classes == 7 and '_scope_' not in str(cfg.to_dict())
    init_default_scope('mmpretrain')
    assert MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor)).head.num_classes == 7
    assert load('mmlt::data/cifar100_lt.py', 'drs').data_name == 'cifar100_lt'
    other = Config.fromfile(write('other.py', f'_base_ = "{RESNET}"'))
    assert other.model._scope_ == 'mmpretrain'


def test_configs_in_pure_python(tmp_path, write):
    """Of ``read_base``, whose types are classes."""
    (tmp_path / 'base.py').write_text(
        'from mmpretrain.evaluation import Accuracy\nfrom mmpretrain.models import (GlobalAveragePooling, '
        'ImageClassifier, LinearClsHead, ResNet)\n'
        "model = dict(type=ImageClassifier, backbone=dict(type=ResNet, depth=50), neck=dict(type=GlobalAveragePooling),"
        "\n    head=dict(type=LinearClsHead, num_classes=3, in_channels=2048))\n"
        "val_evaluator = dict(type=Accuracy)\ntrain_cfg = dict(by_epoch=True, max_epochs=10)\n"
        "train_dataloader = dict(dataset=dict(type='CustomDataset'))\n")
    child = write('child.py', 'from mmengine.config import read_base\nwith read_base():\n    from .base import *\n')
    for overlay in ('cam_bs', 'cosine', 'ride'):
        cfg = load(child, overlay)
        assert cfg.model.type == 'ImageClassifier' and cfg.default_scope == 'mmpretrain', overlay
        assert [metric['type'].rpartition('.')[2] for metric in cfg.val_evaluator] == ['Accuracy', 'LongTailMetric']
    assert load(child, 'cosine').model.head.type == 'LongTailClsHead'


# what does not fit

@pytest.mark.parametrize('config, overlay, message', [
    (VIT, 'cam_bs', 'cam_bs makes class activation maps, for which it needs a conv.* has VisionTransformer wi'),
    (VIT, 'ib', 'ib: InfluenceBalancedLoss needs more than logits, which LongTailClsHead hands over; .*VisionTransfo'),
    (RESNET, 'configs/det/methods/eqlv2.py', 'eqlv2 changes model.roi_head, which the config does not have'),
    (RESNET, 'configs/seg/methods/logit_adjust.py', 'logit_adjust needs class_counts, which|changes model.decode_head'),
    ('mmpretrain::arcface/resnet50-arcface_8xb32_inshop.py', 'cosine', 'head.fc; ArcFaceClsHead has neither fc nor'),
])
def test_refusals(config, overlay, message, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    with pytest.raises(ValueError, match=message):
        load(config, overlay)


def test_stages_that_fall_together():
    with pytest.raises(ValueError, match=r'the stages of begin=0.8 and 0.9 would begin at the epochs 2 and 2 of 2'):
        load('cifar10_lt', 'mixup-cam_bs-ft', options={'train_cfg.max_epochs': 2})
    with pytest.raises(ValueError, match=r'begin=3 and 1 would begin at the epochs 3 and 1 of 4'):
        load('cifar100_lt', 'cmo', options={'train_cfg.max_epochs': 4})


@pytest.mark.parametrize('method', ['crt', 'crt-one_run', 'cbd', 'lift'])
def test_epochs_over_a_config_of_iterations_are_refused(method, tmp_path):
    base = load('cifar100_lt')
    base.train_cfg = dict(by_epoch=False, max_iters=800, val_interval=100)
    base.dump(tmp_path / 'base.py')
    with pytest.raises(ValueError, match=f'{method} counts epochs .* counts iterations, max_iters=800'):
        load(tmp_path / 'base.py', method)
    assert load(tmp_path / 'base.py', 'drs').train_cfg.max_iters == 800

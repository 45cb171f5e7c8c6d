"""Every recipe, a data set with a method over it, builds its parts and names only what exists."""
import json
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')
import torch
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, METRICS, MODELS, init_default_scope
from mmpretrain.registry import DATASETS
from mmpretrain.registry import HOOKS as MM_HOOKS

from mmlt.data.longtail import long_tail_counts
from mmlt.data.samplers import StagedSampler
from mmlt.engine.hooks import StageSwitchHook
from mmlt.engine.overlays import load

ROOT = Path(__file__).resolve().parents[1] / 'configs'
DATA = sorted(path.stem for path in (ROOT / 'data').glob('*.py'))
VIT = {'lift', 'lift_plus', 'linear_probe', 'classifier_only+la', 'full_ft+la', 'vit_b16_clip',
       'five_crop'}  # cls/test_lift_configs
METHODS = sorted({path.stem for path in (ROOT / 'methods').glob('*.py')} - VIT)
GALLERY = sorted(f'gallery/{path.stem}' for path in (ROOT / 'methods/gallery').glob('*.py'))
FOLDERS = {'folder', 'folder_32'}
NEEDS_DATA = {'bags', 'distribution_balanced', 'deep_rtc', 'etf'}  # counts, a taxonomy, or wide features
OPTIONS = dict(crest=dict(unlabelled=dict(type='CustomDataset', data_root='data/unlabelled')))  # what it asks for
PROMISED = sorted((ROOT / 'lt').glob('*.py'))


def build(model, preprocessor):
    if model.backbone.get('depth') in (50, 152):
        model.backbone.depth, model.backbone.base_channels = 50, 16  # built sooner
        model.head.update({key: 512 for key in model.head if key == 'in_channels'})
    return MODELS.build(dict(model, data_preprocessor=preprocessor))


def check_builds(cfg, folder):
    init_default_scope('mmpretrain')
    teachers = cfg.model.get('teacher') or []
    for teacher in teachers if isinstance(teachers, list) else [teachers]:
        if isinstance(teacher.config, dict):  # its run comes first
            state = build(teacher.config.model, teacher.config.data_preprocessor).state_dict()
            teacher.checkpoint = str(folder / 'teacher.pth')
            torch.save(dict(state_dict=state), teacher.checkpoint)
    model = build(cfg.model, cfg.data_preprocessor)
    given = cfg.default_hooks.class_counts.get('class_counts')  # as of the four turns of rotation
    labels = cfg.val_evaluator is not None  # SimSiam and MoCo v3 predict nothing
    if labels:
        assert model.head.num_classes == (len(given) if given else cfg.data_preprocessor.num_classes)
        METRICS.build(cfg.val_evaluator)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)[:3 if labels else 1]:
        assert DATASETS.get(loader.dataset.type)
        assert DATA_SAMPLERS.get(loader.sampler.type)
    begins = []
    for hook in [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]:
        assert MM_HOOKS.get(hook.type)
        for stage in StageSwitchHook(hook.stages).stages if hook.type == 'StageSwitchHook' else []:
            begins.append(stage['begin'])
            if 'loss' in stage:
                MODELS.build(stage['loss'])
            if 'sampler' in stage:
                StagedSampler([0, 0, 1], [dict(begin=0, sampler=dict(stage['sampler']))], seed=0)
    assert all(begin < cfg.train_cfg.max_epochs for begin in begins)


@pytest.mark.parametrize('method', ['', *METHODS, *GALLERY])
def test_every_method_on_cifar100(method, tmp_path):
    check_builds(load('cifar100_lt', *method.split(), options=OPTIONS.get(method)), tmp_path)


@pytest.mark.parametrize('data', [data for data in DATA if data not in {'cifar100_lt', *FOLDERS}])
def test_every_method_on_every_data_set(data, tmp_path):
    for method in ['', *METHODS]:
        if method not in NEEDS_DATA:
            check_builds(load(data, *method.split(), options=OPTIONS.get(method)), tmp_path)


@pytest.mark.parametrize('path', [*(ROOT / 'methods').rglob('*.py'), *(ROOT / 'det/methods').glob('*.py'),
                                  *(ROOT / 'seg/methods').glob('*.py')], ids=lambda path: path.stem)
def test_an_overlay_is_short_and_names_its_paper(path):
    lines = path.read_text().splitlines()
    assert len(lines) < 26
    assert all((path.parent / line.split("'")[1]).is_file() for line in lines if line.startswith('_base_'))  # a method
    assert path.stem in ('ce', 'fast') or any(year in lines[0] for year in map(str, range(2002, 2027)))


@pytest.mark.parametrize('path', PROMISED, ids=lambda path: path.stem)
def test_the_promised_files_are_data_and_overlay(path):
    assert len(path.read_text().splitlines()) <= 3
    data = next(data for data in DATA if path.stem.endswith(f'_{data}'))
    method = path.stem.removesuffix(f'_{data}')
    assert Config.fromfile(path).to_dict() == load(data, *([method] if method != 'ce' else [])).to_dict()


def test_the_promised_files_exist():
    sets = 'cifar10_lt', 'cifar100_lt', 'imagenet_lt', 'places_lt', 'inat2018'
    names = {f'{method}_{data}' for method in ('ce', 'cb_sampling', 'drs') for data in sets}
    names |= {f'{method}_{data}' for method in ('balanced_softmax', 'ldam-drw', 'crt') for data in sets[1:3]}
    names |= {f'cam_bs_{data}' for data in sets} | {f'mislas_{data}' for data in sets[:3]}
    names |= {'ce_digits', 'mixup-cam_bs-ft_imagenet_lt', 'mixup-cam_bs-ft_inat2018'}
    assert {path.stem for path in PROMISED} == names


def test_a_promised_file_is_a_base_like_any_other(tmp_path):
    (tmp_path / 'mine.py').write_text(f'_base_ = {str(ROOT / "lt/cam_bs_imagenet_lt.py")!r}\n'
                                      'model = dict(head=dict(num_classes=7))\nsame = {{_base_.train_pipeline}}\n')
    cfg = Config.fromfile(tmp_path / 'mine.py')
    assert cfg.model.head.num_classes == 7 and cfg.same == cfg.train_pipeline
    assert cfg.default_hooks.stages.stages[0].begin == 80 and cfg.default_hooks.stages.stages[0].cam.limit == 100


# the gallery of Zhang et al., AAAI 2021

COUNTS = {('cifar10_lt', 100): (5000, 10), ('cifar10_lt', 50): (5000, 10), ('cifar100_lt', 100): (500, 100),
          ('cifar100_lt', 50): (500, 100), ('cifar10_lt_mini', None): (900, 10)}


def gallery(name, data, imbalance=None):
    return load(data, f'gallery/{name}', options=imbalance and {'train_dataloader.dataset.imbalance': imbalance})


@pytest.mark.parametrize('data, imbalance', COUNTS)
def test_deferred_focal_weights_are_those_of_cost_sensitive(data, imbalance):
    counts = torch.as_tensor(long_tail_counts(*COUNTS[data, imbalance], imbalance or 50), dtype=torch.float64)
    cfg = gallery('focal-drw', data, imbalance)
    loss = MODELS.build(dict(cfg.default_hooks.stages.stages[0].loss, class_counts=counts))
    torch.testing.assert_close(loss.loss_weight * loss.class_weights(len(counts)), counts.min() / counts, rtol=3e-4,
                               atol=0)


def test_progressive_sampling_goes_on_in_drs_and_starts_anew_with_cams():
    for name, shares in (('drs_pb', (0.8, 0.9)), ('cam_bs_pb', (0, 0.5))):
        stage = gallery(name, 'cifar10_lt').default_hooks.stages.stages[0]
        sampler = StagedSampler([0, 0, 0, 1], [
            dict(begin=0, sampler=dict(type='PowerSampler', q=1)),
            dict(begin=stage.begin, sampler=stage.sampler)], seed=0)
        for epoch, t in zip((160, 180), shares):
            sampler.set_epoch(epoch)
            assert sampler.class_probabilities[1].item() == pytest.approx((1 - t) / 4 + t / 2)


def test_settings_of_a_data_set_and_an_imbalance():
    betas = [gallery('cb_focal-drw', data, imbalance).default_hooks.stages.stages[0].loss
             for data, imbalance in list(COUNTS)[:4]]
    assert [(loss.beta, loss.gamma) for loss in betas] == [(0.9999, 1.0), (0.9999, 2.0), (0.9, 1.0), (0.99, 1.0)]
    best = [gallery('mixup-cam_bs-ft', data) for data in ('cifar10_lt', 'cifar10_lt_mini')]
    assert [[stage.begin for stage in cfg.default_hooks.stages.stages] for cfg in best] == [[320, 400], [33, 40]]
    assert [cfg.train_cfg.max_epochs for cfg in best] == [420, 45]


def test_published_numbers():
    tables = json.loads((ROOT / 'methods/gallery/published.json').read_text())
    found = {(table['source'][:5], table['data'], table['imbalance'], method): value
             for table in tables for method, value in table['top1'].items()}
    assert {f'gallery/{method}' for *_, method in found} <= set(GALLERY)
    assert [found[('Zhang', *key, 'mixup-cam_bs-ft')] for key in list(COUNTS)[:4]] == [80.03, 83.59, 47.83, 51.69]
    assert found['Zhang', 'cifar100_lt', 100, 'ce'] == 37.73  # 100 - error
    assert found['Cao e', 'cifar100_lt', 100, 'ce'] == 38.32


def test_published_numbers_beside_the_gallery():
    for table in json.loads((ROOT.parent / 'benchmarks/published.json').read_text()):
        methods = {method.removeprefix('ce + ') for method in table['top1']}
        assert methods <= {*METHODS, 'ce', 'tau_norm', 'crt', 'lws'} and table['data'] in DATA, methods


def test_mislas_on_each_imbalance():
    def settings(data, imbalance):
        cfg = load(data, 'mislas', options={'train_dataloader.dataset.imbalance': imbalance})
        rates = {rate.lr_mult for rate in cfg.optim_wrapper.paramwise_cfg.custom_keys.values()}
        return cfg.model.head.loss.smooth_head, cfg.model.head.loss.smooth_tail, *rates
    assert [settings('cifar10_lt', n) for n in (100, 50, 10)] == [(0.3, 0.0, 0.5), (0.2, 0.0, 0.2), (0.1, 0.0, 0.2)]
    assert [settings('cifar100_lt', n) for n in (100, 50, 10)] == [(0.4, 0.1, 0.2), (0.3, 0.0, 0.1), (0.2, 0.0, 0.1)]


TWINS = [name for name in GALLERY if name.partition('/')[2] in METHODS and 'focal' not in name]


@pytest.mark.parametrize('name', TWINS)
def test_a_method_outside_the_gallery_is_the_same_on_cifar100(name):
    method = name.partition('/')[2]
    if method == 'mixup-cam_bs-ft':
        pytest.skip('the gallery trains it longer, as the paper did on CIFAR')
    assert load('cifar100_lt', name).to_dict() == load('cifar100_lt', method).to_dict()


def test_best_checkpoints_are_chosen_on_validation_images_alone():
    """Where validation and test set are one, the last epoch is the result."""
    for data in DATA:
        if data not in FOLDERS:
            cfg = load(data)
            own = cfg.val_dataloader.dataset != cfg.test_dataloader.dataset
            assert cfg.default_hooks.checkpoint.get('save_best') == ('lt/mean_class' if own else None), data


def test_cam_bs_without_flips():
    for data in ('digits', 'cifar100_lt', 'imagenet_lt'):
        twins = [load(data, name).default_hooks.stages.stages for name in ('cam_bs', 'cam_bs-noflip')]
        assert twins[1][0].cam.kinds == ('translate', 'rotate', 'scale')
        for stages in twins:
            stages[0].cam.pop('kinds', None)
        assert twins[0] == twins[1]


@pytest.mark.parametrize('name, size', [('folder', 224), ('folder_32', 32)])
def test_a_folder_of_ones_own(name, size, tmp_path):
    with pytest.raises(ValueError, match=r'train holds no folder of images; put the images of each class in a folder'):
        load(name, 'drs', options=dict(data=str(tmp_path)))
    for split in ('train', 'val'):
        for c, n in enumerate((3, 2, 1)):
            (tmp_path / split / f'c{c}').mkdir(parents=True)
            for i in range(n):
                (tmp_path / split / f'c{c}' / f'{i}.jpg').touch()
    cfg = load(name, 'distribution_balanced', 'bags', options=dict(data=str(tmp_path)))
    assert cfg.model.head.num_classes == cfg.data_preprocessor.num_classes == 3
    assert cfg.model.head.classifier.class_counts == [3, 2, 1]  # as they are
    assert cfg.val_dataloader.dataset.data_root == str(tmp_path) and '{{' not in cfg.pretty_text
    assert cfg.val_dataloader.dataset.pipeline[2] == dict(type='CenterCrop', crop_size=size)
    assert load(name, options=dict(data=str(tmp_path), size=48)).train_pipeline[1].scale in (48, (48, 48))
    (tmp_path / 'val').rename(tmp_path / 'test')
    with pytest.raises(ValueError, match=r'val holds no folder of images.*test_split=test'):
        load(name, options=dict(data=str(tmp_path)))
    assert load(name, options=dict(data=str(tmp_path), test_split='test')).test_dataloader.dataset.data_prefix == 'test'

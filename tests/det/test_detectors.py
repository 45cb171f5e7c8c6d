"""Detectors on a small set in COCO's and LVIS's format: trained, evaluated, resumed, and run by MMDetection."""
import json
from copy import deepcopy

import numpy as np
import pytest
import torch

pytest.importorskip('mmdet')
pytest.importorskip('mmcv._ext', reason='MMCV has no compiled ops')
from mmengine.config import Config
from mmengine.runner import Runner

from mmlt import det
from mmlt.data.annotations import annotation_counts
from mmlt.data.labels import class_counts, labels_of

INSTANCES = [50, 20, 8, 4, 2]


@pytest.fixture(autouse=True)
def unformatted(monkeypatch):
    """Write configs as they are: formatting them takes as long as the training here."""
    text = property(lambda self: '\n'.join(f'{key} = {value!r}' for key, value in self.to_dict().items()))
    monkeypatch.setattr(Config, 'pretty_text', text)


def train(cfg):
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def falls(runner, name='loss'):
    """Whether the losses of this name sink over the run; all of them are finite."""
    scalars = runner.message_hub.log_scalars
    history = sum(np.asarray(scalars[key].data[0]) for key in scalars if key.startswith(f'train/{name}'))
    assert np.isfinite(history).all()
    return history[-4:].mean() < 0.9 * history[:4].mean()


METHODS = {
    'bags': dict(loss_cls=dict(type='BalancedGroupSoftmaxLoss', bins=(5, 15))),
    'eql': dict(loss_cls=dict(type='EqualizationLoss', threshold=0.06)),
    'eqlv2': dict(loss_cls=dict(type='EqualizationLossV2')),
    'acsl': dict(loss_cls=dict(type='AdaptiveClassSuppressionLoss', bins=(4, 15))),
    'balanced_softmax': dict(loss_cls=dict(type='BalancedSoftmaxLoss')),
    'logit_adjust': dict(loss_cls=dict(type='LogitAdjustLoss', background=0.75)),
    'disalign': dict(
        loss_cls=dict(type='GeneralizedReweightLoss', rho=0.2), cls_predictor_cfg=dict(type='DisAlignLinear')),
    'seesaw-cosine': dict(
        loss_cls=dict(type='SeesawLoss', num_classes=5), cls_predictor_cfg=dict(type='CosineLinear', scale=10)),
    'tau_norm': dict(cls_predictor_cfg=dict(type='TauNormLinear')),
    'tde': dict(cls_predictor_cfg=dict(type='CausalLinear')),
}


@pytest.mark.parametrize('methods', [list(METHODS)[:5], list(METHODS)[5:]], ids='+'.join)
def test_every_method_trains(methods, detector):
    """One method a stage of a cascade: five detectors for the time of two."""
    cfg = detector(model='cascade-rcnn_r50_fpn', optim_wrapper__optimizer__lr=0.01)
    roi = cfg.model.roi_head
    heads = [roi.bbox_head[0]] * len(methods)
    roi.update(num_stages=5, stage_loss_weights=[1] * 5, bbox_head=[deepcopy(head) for head in heads])
    cfg.model.train_cfg.rcnn = [cfg.model.train_cfg.rcnn[0]] * 5
    for head, method in zip(roi.bbox_head, methods):
        for key, value in METHODS[method].items():
            head[key] = dict(head.get(key, {}), **value)
    runner = train(cfg)
    images = class_counts(runner.train_dataloader.dataset).tolist()
    for i, (head, method) in enumerate(zip(runner.model.roi_head.bbox_head, methods)):
        assert falls(runner, f's{i}.loss_cls'), method
        loss, layer = head.loss_cls, head.fc_cls
        if hasattr(loss, 'class_counts'):
            assert loss.class_counts.tolist() == (images if method in ('eql', 'acsl') else INSTANCES), method
        if method == 'eql':
            assert loss.num_images == len(runner.train_dataloader.dataset)
        if method == 'eqlv2':
            assert (loss.positive > 0).all()
        if method == 'disalign':
            assert (layer.logit_scale != 1).any() and not layer.weight.requires_grad
        if method == 'tde':
            assert layer.embed.any() and layer.embed.isfinite().all()


@pytest.mark.parametrize('method', ['bags', 'tde'])
def test_cascade(method, detector):
    """Scores are activated between the stages, too, and each stage has its own state."""
    runner = train(detector(METHODS[method], 'cascade-rcnn_r50_fpn', val=True))
    assert falls(runner)
    scalars, heads = runner.message_hub.log_scalars, runner.model.roi_head.bbox_head
    assert {key for key in scalars if key.endswith('acc')} == {f'train/s{i}.acc' for i in range(3)}
    if method == 'tde':
        directions = [head.fc_cls.embed for head in heads]
        assert all(d.any() for d in directions) and not directions[0].equal(directions[1])
    else:
        assert all(head.loss_cls.class_counts.tolist() == INSTANCES for head in heads)
    assert 'val/coco/bbox_mAP' in scalars


def test_mask_rcnn_is_evaluated_saved_resumed_and_inferred(shapes, detector, tmp_path):
    settings = dict(bbox_head=METHODS['eqlv2'], model='mask-rcnn_r50_fpn', val=True)
    runner = train(detector(**settings))
    assert falls(runner)
    scalars = runner.message_hub.log_scalars
    assert scalars['val/coco/bbox_mAP_50'].current() >= 0 and scalars['val/coco/segm_mAP_50'].current() >= 0
    checkpoint = tmp_path / 'run/epoch_1.pth'
    saved = torch.load(checkpoint, weights_only=False)
    assert saved['meta']['class_counts'] == class_counts(runner.train_dataloader.dataset).tolist()

    resumed = Runner.from_cfg(detector(**settings, epochs=2, work_dir='two', resume=True, load_from=str(checkpoint)))
    resumed.load_or_resume()
    for key, value in resumed.model.state_dict().items():
        assert value.equal(saved['state_dict'][key]), key
    before = resumed.model.roi_head.bbox_head.loss_cls.positive.clone()
    resumed.train()
    assert resumed.epoch == 2 and (resumed.model.roi_head.bbox_head.loss_cls.positive > before).all()

    from mmdet.apis import DetInferencer
    inferencer = DetInferencer(weights=str(checkpoint), device='cpu', show_progress=False)  # its config is in there
    out = inferencer(str(shapes / 'val/0.png'), no_save_vis=True, no_save_pred=False, out_dir=str(tmp_path / 'out'))
    found = out['predictions'][0]
    assert len(found['labels']) == len(found['masks']) > 0 and set(found['labels']) <= set(range(5))
    assert json.loads(next((tmp_path / 'out').rglob('*.json')).read_text())['scores']


def test_alignment_of_a_trained_detector(detector, tmp_path):
    """Stage two: everything frozen but the alignment, which starts as the detector was."""
    one = train(detector(model='mask-rcnn_r50_fpn'))
    frozen = ['backbone', 'neck', 'rpn_head', 'roi_head.mask_head', 'roi_head.bbox_head.shared_fcs',
              'roi_head.bbox_head.fc_reg']
    cfg = detector(METHODS['disalign'], 'mask-rcnn_r50_fpn', work_dir='two',
                   load_from=str(tmp_path / 'run/epoch_1.pth'))
    cfg.default_hooks.stages = dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=frozen, bn='frozen')])
    two = train(cfg)
    before, changed = one.model.state_dict(), set()
    for key, value in two.model.state_dict().items():
        if key not in before or not value.equal(before[key]):
            changed.add(key.removeprefix('roi_head.bbox_head.'))
    assert changed == {'loss_cls.class_counts', 'fc_cls.logit_scale', 'fc_cls.logit_bias',
                       'fc_cls.confidence_layer.weight', 'fc_cls.confidence_layer.bias'}
    assert (two.model.roi_head.bbox_head.fc_cls.logit_scale != 1).any()


def test_lvis(detector):
    """LVIS's data set and metric, with images drawn by class."""
    pytest.importorskip('lvis', reason='the lvis package is not installed')
    cfg = detector(METHODS['bags'], 'mask-rcnn_r50_fpn', dataset='LVISV1Dataset', val=True)
    cfg.train_dataloader.sampler = dict(type='ClassBalancedSampler')
    runner = train(cfg)
    assert falls(runner)
    assert runner.model.roi_head.bbox_head.loss_cls.class_counts.tolist() == INSTANCES
    for key in ('bbox_AP', 'bbox_APr', 'bbox_APc', 'bbox_APf', 'segm_AP'):
        assert -1 <= runner.message_hub.log_scalars[f'val/lvis/{key}'].current() <= 1


@pytest.mark.parametrize('wrapper', [None, 'ClassBalancedDataset', 'RepeatDataset', 'ConcatDataset'])
def test_images_are_drawn_by_class(wrapper, detector):
    """Multi-label images, through MMDetection's wrappers."""
    from mmdet.registry import DATA_SAMPLERS, DATASETS
    cfg = detector().train_dataloader.dataset
    cfg = {
        None: cfg, 'ClassBalancedDataset': dict(type=wrapper, oversample_thr=0.2, dataset=cfg),
        'RepeatDataset': dict(type=wrapper, times=2, dataset=cfg), 'ConcatDataset': dict(type=wrapper, datasets=[cfg]),
    }[wrapper]
    dataset = DATASETS.build(cfg)
    counts = class_counts(dataset, unit='instance')
    if wrapper in (None, 'ConcatDataset'):
        assert counts.tolist() == INSTANCES
    sampler = DATA_SAMPLERS.build(dict(type='ClassBalancedSampler', num_samples=3000, seed=0),
                                  default_args=dict(dataset=dataset))
    labels = labels_of(dataset)
    drawn = sum(np.bincount(np.unique(labels[i]), minlength=5) for i in sampler)
    assert drawn.min() > 0.85 * 3000 / 5  # each class in its own draws, at least
    images = class_counts(dataset) / len(dataset)
    assert drawn[4] / 3000 > 2 * images[4]


def test_counts_of_file_and_data_set_agree(detector, shapes, tmp_path):
    """A crowd is in the data set, but trains nothing."""
    from mmdet.registry import DATASETS
    data = json.loads((shapes / 'train.json').read_text())
    crowd = next(a for a in data['annotations'] if a['category_id'] == 20)
    data['annotations'].append(dict(crowd, id=1000, iscrowd=1))
    (tmp_path / 'train.json').write_text(json.dumps(data))
    dataset = DATASETS.build(dict(detector().train_dataloader.dataset, ann_file=str(tmp_path / 'train.json')))
    found = annotation_counts(tmp_path / 'train.json', dataset.metainfo['classes'])
    assert found['class_counts'] == class_counts(dataset, unit='instance').tolist() == INSTANCES
    assert found['image_counts'] == class_counts(dataset).tolist() and found['num_images'] == len(dataset)
    assert found['classes'] == list(dataset.metainfo['classes'])


def test_counts_from_a_file(detector, shapes, tmp_path):
    """The hook hands instances to one loss and images to another."""
    (tmp_path / 'counts.json').write_text(json.dumps(annotation_counts(shapes / 'train.json')))
    for method, key in (('balanced_softmax', 'class_counts'), ('eql', 'image_counts')):
        cfg = detector(METHODS[method], default_hooks__class_counts__class_counts=str(tmp_path / 'counts.json'))
        runner = Runner.from_cfg(cfg)
        runner.call_hook('before_train')
        assert runner.model.roi_head.bbox_head.loss_cls.class_counts.tolist() == annotation_counts(
            shapes / 'train.json')[key]


# bad input


def test_head_with_other_classes(detector):
    with pytest.raises(ValueError, match=r'roi_head.bbox_head \(Shared2FCBBoxHead\) has num_classes=7.*5 classes'):
        train(detector(dict(num_classes=7)))


def test_category_without_images(detector, shapes, tmp_path):
    data = json.loads((shapes / 'train.json').read_text())
    data['annotations'] = [a for a in data['annotations'] if a['category_id'] != 50]
    (tmp_path / 'train.json').write_text(json.dumps(data))
    settings = dict(train_dataloader__dataset__ann_file=str(tmp_path / 'train.json'))
    with pytest.raises(ValueError, match='class 4 has the training count 0'):
        train(detector(METHODS['balanced_softmax'], **settings))
    runner = Runner.from_cfg(detector(METHODS['bags'], **settings))
    runner.call_hook('before_train')
    assert runner.model.roi_head.bbox_head.loss_cls.class_counts.tolist() == [*INSTANCES[:4], 0]


def test_predictor_that_the_head_does_not_build(detector):
    cfg = detector(dict(type='DoubleConvFCBBoxHead', num_convs=1, num_fcs=1, conv_out_channels=16,
                        cls_predictor_cfg=dict(type='CosineLinear')))
    with pytest.raises(ValueError, match='cls_predictor_cfg of type CosineLinear and builds Linear all the same'):
        train(cfg)


def test_mmdetections_own_check_of_classes(detector):
    """NumClassCheckHook reads ``num_classes`` of every module."""
    runner = Runner.from_cfg(detector(METHODS['eqlv2'], custom_hooks=[dict(type='NumClassCheckHook')]))
    runner.call_hook('before_train')
    runner.call_hook('before_train_epoch')


def test_names_stay_apart():
    """In MMDetection's scope a name is the form with background, elsewhere that of classification."""
    from mmdet.registry import MODELS as SCOPED
    from mmengine.registry import MODELS
    assert SCOPED.get('EqualizationLossV2') is det.EqualizationLossV2
    assert MODELS.get('EqualizationLossV2').__module__ == 'mmlt.core.losses.eqlv2'

"""A small set in COCO's and LVIS's format, and detectors of seconds on it."""
import json
from functools import cache

import numpy as np
import pytest

CLASSES = ('disc', 'box', 'wedge', 'bar', 'ring')
INSTANCES = (50, 20, 8, 4, 2)  # of the training set
COLOURS = ((230, 40, 40), (40, 210, 60), (60, 80, 230), (230, 220, 40), (220, 60, 220))
SIZE = 64


def outline(kind, x, y, r):
    """Polygon (n, 2) of one shape."""
    if kind in ('disc', 'ring'):
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        return np.stack([x + r * np.cos(angles), y + r * np.sin(angles)], 1)
    if kind == 'wedge':
        return np.array([[x - r, y + r], [x + r, y + r], [x, y - r]])
    height = r if kind == 'box' else r / 3
    return np.array([[x - r, y - height], [x + r, y - height], [x + r, y + height], [x - r, y + height]])


def draw(folder, split, instances, seed):
    """Draw one or two shapes an image and write ``<split>.json``; LVIS's fields are there as well."""
    import cv2
    rng = np.random.RandomState(seed)
    labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), instances)).tolist()
    images, annotations = [], []
    (folder / split).mkdir()
    while labels:
        name = f'{split}/{len(images)}.png'
        image = rng.randint(0, 60, (SIZE, SIZE, 3)).astype(np.uint8)
        own = [labels.pop() for _ in range(min(len(labels), 1 + len(images) % 2))]
        for i, label in enumerate(own):
            r = rng.uniform(8, 12)
            points = outline(CLASSES[label], 16 + 32 * i + rng.uniform(-3, 3), rng.uniform(16, 48), r).clip(0, SIZE)
            cv2.fillPoly(image, [points.round().astype(np.int32)], COLOURS[label])
            (x1, y1), (x2, y2) = points.min(0), points.max(0)
            annotations.append(dict(
                id=len(annotations) + 1, image_id=len(images) + 1, category_id=10 * (label + 1), iscrowd=0,
                bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1) / 1.5,
                segmentation=[points.flatten().tolist()]))
        cv2.imwrite(str(folder / name), image[..., ::-1])
        images.append(dict(id=len(images) + 1, file_name=name, width=SIZE, height=SIZE, neg_category_ids=[],
                           coco_url=f'http://images.cocodataset.org/{name}', not_exhaustive_category_ids=[]))
    per_image = {c: len({a['image_id'] for a in annotations if a['category_id'] == 10 * (c + 1)})
                 for c in range(len(CLASSES))}
    categories = [
        dict(id=10 * (c + 1), name=name, frequency='f' if c < 2 else 'c' if c < 4 else 'r', image_count=per_image[c],
             instance_count=instances[c]) for c, name in enumerate(CLASSES)
    ]
    (folder / f'{split}.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=categories)))


@pytest.fixture(autouse=True)
def default_scope():
    """Names mean MMDetection's parts."""
    registry = pytest.importorskip('mmengine.registry')
    with registry.DefaultScope.overwrite_default_scope('mmdet'):
        yield


@pytest.fixture(autouse=True, scope='session')
def one_look_at_the_model_zoo():
    """MMEngine reads the 400 metafiles of MMDetection for each ``mmdet::`` base."""
    utils = pytest.importorskip('mmengine.config.utils')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, 'load', cache(utils.load))
        yield


@pytest.fixture(scope='session')
def shapes(tmp_path_factory):
    """Folder with train.json, val.json and their images."""
    folder = tmp_path_factory.mktemp('shapes')
    draw(folder, 'train', INSTANCES, 0)
    draw(folder, 'val', (4,) * len(CLASSES), 1)
    return folder


BASE = """
_base_ = ['mmdet::_base_/models/{model}.py', 'mmdet::_base_/datasets/coco_instance.py',
          'mmdet::_base_/schedules/schedule_1x.py', 'mmdet::_base_/default_runtime.py']
custom_imports = dict(imports=['mmlt.det'])
"""


@pytest.fixture
def detector(shapes, tmp_path):
    """``detector(bbox_head=dict(...), model='mask-rcnn_r50_fpn', **settings)`` -> a complete config."""
    from mmengine.config import Config

    def make(bbox_head=None, model='faster-rcnn_r50_fpn', epochs=1, dataset='CocoDataset', work_dir='run', val=False,
             **settings):
        (tmp_path / 'detector.py').write_text(BASE.format(model=model))
        cfg = Config.fromfile(tmp_path / 'detector.py')
        cfg.work_dir = str(tmp_path / work_dir)
        cfg.experiment_name = f'{work_dir}_{id(cfg)}'
        shrink(cfg.model, bbox_head or {})
        steps = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(SIZE, SIZE))]
        for split in ('train', 'val'):
            boxes = dict(type='LoadAnnotations', with_bbox=True, with_mask='mask_head' in cfg.model.roi_head)
            keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
            cfg[f'{split}_dataloader'] = dict(
                batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
                batch_sampler=dict(type='AspectRatioBatchSampler') if split == 'train' else None, dataset=dict(
                    type=dataset, data_root=str(shapes), ann_file=f'{split}.json', data_prefix=dict(img=''),
                    metainfo=dict(classes=CLASSES), test_mode=split == 'val',
                    pipeline=[*steps, boxes, dict(type='PackDetInputs', meta_keys=keys)]))
        masks = ['segm'] * ('mask_head' in cfg.model.roi_head)
        metric = 'LongTailLVISMetric' if dataset == 'LVISV1Dataset' else 'CocoMetric'
        cfg.val_evaluator = dict(type=metric, ann_file=str(shapes / 'val.json'), metric=['bbox', *masks])
        cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
        cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=epochs)
        if not val:
            cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        cfg.param_scheduler = None
        cfg.optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.02, momentum=0.9))
        cfg.default_hooks.update(class_counts=dict(type='ClassCountsHook'), logger=dict(type='LoggerHook', interval=1))
        cfg.randomness, cfg.log_level = dict(seed=0), 'ERROR'
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in settings.items()})
        return cfg

    return make


def shrink(model, bbox_head):
    """Make a detector of the model zoo small enough for a test, and give its box heads C classes and ``bbox_head``."""
    model.data_preprocessor.update(pad_size_divisor=32, mean=[60.0] * 3, std=[60.0] * 3)
    model.backbone.update(depth=18, base_channels=8, frozen_stages=-1, init_cfg=None, norm_eval=False)
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=16)
    model.rpn_head.update(in_channels=16, feat_channels=16)
    model.rpn_head.anchor_generator.scales = [4]
    roi = model.roi_head
    roi.bbox_roi_extractor.update(out_channels=16)
    roi.bbox_roi_extractor.roi_layer.output_size = 3
    for head in roi.bbox_head if isinstance(roi.bbox_head, list) else [roi.bbox_head]:
        head.update(num_classes=len(CLASSES), in_channels=16, fc_out_channels=32, roi_feat_size=3)
        for key, value in bbox_head.items():
            head[key] = dict(head.get(key, {}), **value) if isinstance(value, dict) else value
    if 'mask_head' in roi:
        roi.mask_roi_extractor.update(out_channels=16)
        roi.mask_roi_extractor.roi_layer.output_size = 6
        roi.mask_head.update(num_convs=1, in_channels=16, conv_out_channels=16, num_classes=len(CLASSES))
    stages = model.train_cfg.rcnn if isinstance(model.train_cfg.rcnn, list) else [model.train_cfg.rcnn]
    for stage in stages:
        stage.sampler.num = 32
        if 'mask_head' in roi:
            stage.mask_size = 12
    model.train_cfg.rpn_proposal.update(nms_pre=100, max_per_img=50)
    model.test_cfg.rpn.update(nms_pre=100, max_per_img=30)
    model.test_cfg.rcnn.score_thr = 0.001

"""A segmentation set of seconds: 16 images of 32 x 32 with drawn shapes of 4 long-tailed classes, and a tiny FCN."""
import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmlt.data.pixels import pixel_counts

SIZE, CLASSES = 32, ('ground', 'house', 'pole', 'bird')
COLOURS = np.array([[90, 90, 90], [200, 60, 60], [60, 200, 60], [60, 60, 220]])


def draw(rng):
    """A label map: ground, a house, every other time a pole, every fourth a bird, an ignored border."""
    label = np.zeros((SIZE, SIZE), np.uint8)
    y, x = rng.integers(2, 16, 2)
    label[y:y + 12, x:x + 12] = 1
    if rng.random() < 0.7:
        x = rng.integers(3, 26)
        label[4:28, x:x + 3] = 2
    if rng.random() < 0.7:
        y, x = rng.integers(3, 25, 2)
        label[y:y + 3, x:x + 3] = 3
    label[:2] = 255
    return label


@pytest.fixture(scope='session')
def shapes(tmp_path_factory):
    """The folder: images/, masks/ and the pixel counts in pixels.json."""
    root, rng = tmp_path_factory.mktemp('shapes'), np.random.default_rng(0)
    for name in ('images', 'masks'):
        (root / name).mkdir()
    for i in range(16):
        label = draw(rng)
        image = COLOURS[label % 255] * (label < 255)[..., None] + rng.integers(-20, 20, (SIZE, SIZE, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(root / 'images' / f'{i:02}.png')
        Image.fromarray(label).save(root / 'masks' / f'{i:02}.png')
    counts = pixel_counts(root / 'masks', 4)
    (root / 'pixels.json').write_text(json.dumps(dict(class_counts=counts.tolist())))
    return root


@pytest.fixture(autouse=True)
def scope(monkeypatch):
    pytest.importorskip('mmseg')
    from mmengine.config import Config
    from mmengine.registry import DefaultScope
    from mmengine.runner import Runner

    # formatting the config and gathering the environment take most of a short run's time
    monkeypatch.setattr(Config, 'pretty_text', property(
        lambda cfg: '\n'.join(f'{key} = {value!r}' for key, value in cfg.to_dict().items())))
    monkeypatch.setattr(Runner, '_log_env', lambda self, env_cfg: None)
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


MODEL = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[90.] * 3, std=[60.] * 3, bgr_to_rgb=True, pad_val=0,
                           seg_pad_val=255, size=(SIZE, SIZE)),
    backbone=dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, num_stages=2, strides=(1, 1),
                  dilations=(1, 1), out_indices=(0, 1), norm_cfg=dict(type='BN')),
    decode_head=dict(type='FCNHead', in_channels=16, in_index=1, channels=16, num_convs=1, concat_input=False,
                     dropout_ratio=0, num_classes=4, norm_cfg=dict(type='BN'), align_corners=False,
                     loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)),
    auxiliary_head=dict(type='FCNHead', in_channels=8, in_index=0, channels=8, num_convs=1, concat_input=False,
                        dropout_ratio=0, num_classes=4, norm_cfg=dict(type='BN'), align_corners=False,
                        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.4)),
    train_cfg=dict(), test_cfg=dict(mode='whole'))


@pytest.fixture
def model():
    """The config of the tiny FCN, to change at will."""
    from mmengine.config import ConfigDict
    return ConfigDict(deepcopy(MODEL))


@pytest.fixture
def config(shapes, tmp_path):
    """``config(model, epochs=2, name='run', **more)``: a complete config in ``tmp_path/name``."""
    from mmengine.config import Config

    def make(model, epochs=2, name='run', **more):
        def loader(pipeline, shuffle):
            dataset = dict(type='BaseSegDataset', data_root=str(shapes), data_prefix=dict(
                img_path='images', seg_map_path='masks'), img_suffix='.png', metainfo=dict(
                    classes=CLASSES, palette=COLOURS.tolist()), pipeline=pipeline, serialize_data=False)
            return dict(batch_size=4, num_workers=0, dataset=dataset, sampler=dict(
                type='DefaultSampler', shuffle=shuffle))

        load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
        test = [load[0], load[1], dict(type='PackSegInputs')]
        return Config(dict(dict(
            default_scope='mmseg', custom_imports=dict(imports=['mmlt']), work_dir=str(tmp_path / name), model=model,
            train_dataloader=loader([*load, dict(type='PackSegInputs')], True),
            val_dataloader=loader(test, False), val_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
            test_dataloader=loader(test, False), test_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
            test_pipeline=test, train_cfg=dict(by_epoch=True, max_epochs=epochs, val_interval=epochs), val_cfg={},
            test_cfg={}, optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
            default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1), logger=dict(
                type='LoggerHook', interval=1)),
            visualizer=dict(type='SegLocalVisualizer', vis_backends=[], name=f'{name}_{tmp_path.name}'),
            randomness=dict(seed=0), log_level='ERROR', experiment_name=f'{name}_{tmp_path.name}'), **more))
    return make


@pytest.fixture
def train(config):
    """``train(model, ...)``: train and return the runner and its losses, one a step."""
    from mmengine.runner import Runner

    def run(*args, **kwargs):
        runner = Runner.from_cfg(config(*args, **kwargs))
        runner.train()
        scalars = runner.message_hub.log_scalars
        return runner, scalars['train/loss'].data[0].tolist()
    return run


@pytest.fixture
def pixels(shapes):
    return str(Path(shapes) / 'pixels.json')

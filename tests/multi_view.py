"""Short trainings on views of the tiny images."""
from contextlib import suppress

import tiny
from mmengine.hooks import Hook

COSINE = dict(type='LongTailClsHead', num_classes=3, in_channels=16, classifier=dict(type='CosineLinear', scale=16.0),
              loss=dict(type='LogitAdjustLoss'))


class Killed(Exception):
    pass


class Kill(Hook):
    """Ends the run after an epoch's checkpoint, as a killed process ends."""
    priority = 'LOWEST'

    def __init__(self, epochs):
        self.epochs = epochs

    def after_train_epoch(self, runner):
        if runner.epoch + 1 == self.epochs:
            raise Killed


def pipeline(views):
    """Views that differ and draw nothing, so that a resumed run is the same to the last bit."""
    turns = [[dict(type='RandomFlip', prob=1.0 if v % 2 else 0.0, direction='horizontal'),
              dict(type='RandomFlip', prob=1.0 if v // 2 % 2 else 0.0, direction='vertical')] for v in range(views)]
    return [dict(type='MultiView', num_views=[1] * views, transforms=turns), dict(type='PackInputs')]


def runner(folder, model, views=3, epochs=3, head=COSINE, resume=False, prepare=None, **settings):
    """A runner of the tiny config with ``model``, its head and views."""
    cfg = tiny.config(folder, epochs, **settings)
    cfg.model.update(model, head=dict(head))
    if views > 1:
        cfg.train_dataloader.dataset.pipeline = pipeline(views)
    if prepare:
        prepare(cfg)
    cfg.resume, cfg.experiment_name = resume, f'tiny_{id(cfg)}'
    return tiny.Runner.from_cfg(cfg)


def train(*args, **kwargs):
    run = runner(*args, **kwargs)
    run.train()
    return run


def curve(run, name='loss'):
    """The value of every step."""
    return [float(value) for value in run.message_hub.get_scalar(f'train/{name}').data[0]]


def assert_resumes(folder, model, **kwargs):
    """Three epochs at once, and two, death and one more, end in the same state to the last bit; -> the first runner."""
    run = train(folder / 'whole', model, **kwargs)
    whole = run.model.state_dict()
    killed = runner(folder / 'parts', model, **kwargs)
    killed.register_hook(Kill(2))
    with suppress(Killed):
        killed.train()
    resumed = runner(folder / 'parts', model, resume=True, **kwargs)
    resumed.train()
    assert resumed.epoch == 3
    for key, value in resumed.model.state_dict().items():
        assert value.equal(whole[key]), key
    return run

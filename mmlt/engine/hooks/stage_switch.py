"""Stages: what changes when, in one hook."""
from mmengine.dist import broadcast
from mmengine.hooks import Hook

from ..access import unwrap
from ..loader import counts_iterations, renew_iterator
from ..stages import PARTS, StagePlan


class StageSwitchHook(Hook):
    """Change the sampler, loss, augmentation, frozen parts or learning rate when a stage begins.

    A key holds until a later stage sets it again; ``reinit`` and ``lr`` act once, when their stage begins. An epoch's
    length never changes. A resumed run continues in the stage it was saved in. Each key is a part in
    :mod:`mmlt.engine.stages`, which takes more of them.

    MMPretrain's ``SwitchRecipeHook`` switches the pipeline, the batch augmentations and the loss, but neither samplers
    nor weights, and its later losses are no part of the model: what they have counted is in no checkpoint, so a resumed
    run goes on with other losses. Its ``schedule`` is taken as it is.

    Args:
        stages (list[dict]): in order of ``begin``, each with any of

            - ``begin`` (int | float): the first 0-based epoch of the stage, or a fraction in (0, 1) of ``max_epochs``,
              rounded to the nearest epoch; stages of one ``begin`` are merged.
            - ``sampler`` (dict): as in the data loader.
            - ``loss`` (dict): replaces the loss of the head (or of a model without head).
            - ``batch_augments`` (dict | list | None): as in the data preprocessor, or one augmentation, or none.
            - ``train_pipeline`` (list[dict]): replaces the pipeline of every inner data set.
            - ``freeze`` (list[str]): paths of modules or parameters without gradient; ``[]`` unfreezes.
            - ``bn`` (str): of frozen modules, 'update' lets batch norm's running statistics go on (what the reference
              codes do, the default), 'frozen' keeps them.
            - ``reinit`` (list[str]): module paths that start anew.
            - ``lr`` (float): learning rate from here on; the schedulers multiply on from it.
            - ``cam`` (dict | None): arguments of ``CAMForeground`` and ``cached=False``; the CAMs come from the model
              as it stood when the stage began.
            - ``rare_samples`` (bool): whether an ``RSGClassifier`` makes maps of rare classes.
        by_epoch (bool): False for an iteration-based run, in which ``begin`` counts iterations. Stages that begin at 0
            or at fractions fit any run. Sampler stages need ``InfiniteSampler`` there.
        schedule (list[dict]): in place of ``stages``, that of ``SwitchRecipeHook``: ``action_epoch``, from 1 on,
            ``train_pipeline``, ``batch_augments`` and ``loss``.

    Raises:
        ValueError: stages out of order, two at the same epoch after rounding, an unknown key or value, a module path
            that does not exist, epochs in an iteration-based run.

    >>> StageSwitchHook(stages=[dict(begin=160, loss=dict(type='BalancedSoftmaxLoss'))]).stages
    [{'begin': 160, 'loss': {'type': 'BalancedSoftmaxLoss'}}]
    """

    priority = 'HIGH'  # after ClassCountsHook, before EMAHook copies the model

    def __init__(self, stages=(), by_epoch=True, schedule=None):
        if schedule is not None:
            if stages or not by_epoch:
                raise ValueError('schedule stands in place of stages and counts epochs; give one of both')
            stages = stages_of(schedule)
        self.plan, self.by_epoch = StagePlan(stages), by_epoch
        self.parts = {}
        for part in PARTS:
            part = part(self.plan)
            self.parts[part.name] = part
            part.parts = self.parts.values()
        self.begun = self.loaded = None

    @property
    def stages(self):
        return self.plan.stages

    def before_run(self, runner):
        for part in self.parts.values():
            part.build(runner)

    def before_train(self, runner):
        self.in_iterations = counts_iterations(runner)
        if self.in_iterations == self.by_epoch and not self.plan.timeless:
            counted = 'epochs' if self.by_epoch else 'iterations'
            raise ValueError(f'StageSwitchHook counts {counted}, the run has {type(runner.train_loop).__name__}; set '
                             f'train_cfg=dict(by_epoch={self.by_epoch}, max_{counted[:-1] if self.by_epoch else "iter"}'
                             f's=...), by_epoch={not self.by_epoch} of the hook, or every begin as a fraction of the '
                             'run')
        length, unit = (runner.max_iters, 'iter') if self.in_iterations else (runner.max_epochs, 'epoch')
        self.plan.resolve(length, unit).check(length)
        for act in ('check', 'install'):
            for part in self.parts.values():
                getattr(part, act)(runner)
        self.begun = self.loaded = None

    # in an iteration-based run a stage's first batch is loaded right after the step before; the model changes when that
    # step is in its checkpoint

    def before_train_epoch(self, runner):
        time = runner.iter if self.in_iterations else runner.epoch
        self._load(runner, time)
        if self.in_iterations:
            renew_iterator(runner.train_loop)
        else:
            self._switch(runner, time)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        time = runner.iter + 1
        if self.in_iterations and time in self.plan.begins and time < runner.max_iters:
            self._load(runner, time)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if self.in_iterations:
            self._switch(runner, runner.iter)
        for part in self.parts.values():
            part.before_step(runner, batch_idx, data_batch)

    def _load(self, runner, time):
        stage = self.plan.current(time)
        if stage is not None and stage['begin'] != self.loaded:
            self.loaded = stage['begin']
            for buffer in unwrap(runner.model).buffers():
                broadcast(buffer)  # batch norm's statistics are a rank's own; a checkpoint holds those of rank 0
        for part in self.parts.values():
            part.load(runner, time, stage is not None and stage['begin'] == time)

    def _switch(self, runner, time):
        stage = self.plan.current(time)
        if stage is None or stage['begin'] == self.begun:
            return
        self.begun, begins = stage['begin'], stage['begin'] == time
        for part in self.parts.values():
            part.switch(runner, time, begins)
        runner.logger.info(
            f'Stage of {self.plan.unit} {self.begun} {"begins" if begins else "continues"}: ' + ', '.join(
                f'{key}={_short(value)}' for key, value in stage.items() if key != 'begin'))

    def before_save_checkpoint(self, runner, checkpoint):
        for part in self.parts.values():
            state = part.state_dict()
            if state is not None:
                checkpoint[f'mmlt_{part.name}'] = state

    def after_load_checkpoint(self, runner, checkpoint):
        for part in self.parts.values():
            if f'mmlt_{part.name}' in checkpoint:
                part.load_state_dict(checkpoint[f'mmlt_{part.name}'])


def stages_of(schedule) -> list[dict]:
    """The stages that say what a ``schedule`` of MMPretrain's ``SwitchRecipeHook`` says; its epochs count from 1."""
    stages = []
    for recipe in schedule:
        if not isinstance(recipe, dict) or not isinstance(recipe.get('action_epoch'), int):
            raise ValueError(f'a recipe of schedule needs action_epoch, an integer from 1 on; got {recipe!r:.80}')
        stages.append({'begin': recipe['action_epoch'] - 1, **{k: v for k, v in recipe.items() if k != 'action_epoch'}})
    return sorted(stages, key=lambda stage: stage['begin'])


def _short(value):
    return value['type'] if isinstance(value, dict) and 'type' in value else (
        f'[{len(value)} steps]' if isinstance(value, list) and value and isinstance(value[0], dict) else value)

"""Stages: what changes when, in one hook."""
from mmengine.dataset import Compose
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from mmlt.data.samplers import StagedSampler
from mmlt.data.samplers.staged import epoch_size
from mmlt.engine.access import build_augments, parameters, unwrap
from mmlt.engine.amp import autocast_dtype
from mmlt.engine.cam import CAMStage, classifier_weight
from mmlt.engine.cam_cache import CAMPipeline
from mmlt.engine.plan import StagePlan
from mmlt.engine.reinit import reinitialize
from mmlt.engine.stages import StagedLoss, StagedPipeline, leaf_datasets, shared_stage
from mmlt.registry import build

from .class_counts import ClassCountsHook

BATCH_NORM = nn.modules.batchnorm._BatchNorm


class StageSwitchHook(Hook):
    """Change the sampler, loss, augmentation, frozen parts or learning rate at given epochs.

    A key holds until a later stage sets it again; ``reinit`` and ``lr`` act once, when their stage begins. An epoch's
    length never changes. A resumed run continues in the stage it was saved in.

    Args:
        stages (list[dict]): in order of ``begin``, each with any of

            - ``begin`` (int): the first 0-based epoch of the stage; stages of one epoch are merged.
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

    Raises:
        ValueError: stages out of order, an unknown key or value, a module path that does not exist.

    >>> StageSwitchHook(stages=[dict(begin=160, loss=dict(type='BalancedSoftmaxLoss'))]).stages
    [{'begin': 160, 'loss': {'type': 'BalancedSoftmaxLoss'}}]
    """

    priority = 'HIGH'  # after ClassCountsHook, before EMAHook copies the model

    def __init__(self, stages):
        self.plan = StagePlan(stages)
        self.begun = None
        self.cam = None
        self._cam_state = None
        self._frozen = {}

    @property
    def stages(self):
        return self.plan.stages

    # set-up

    def before_run(self, runner):
        staged = self.plan.having('loss')
        if not staged:
            return
        model = unwrap(runner.model)
        owner = next((m for m in (model, getattr(model, 'head', None)) if hasattr(m, 'loss_module')), None)
        if owner is None:
            raise ValueError(f'{type(model).__name__} has no loss_module, neither its own nor its head\'s; '
                             'StageSwitchHook(loss=...) cannot switch its loss')
        device = next(model.parameters()).device
        losses = [build('MODELS', stage['loss']).to(device) for stage in staged]
        if any(p.requires_grad for loss in losses for p in loss.parameters()):
            raise ValueError('a stage\'s loss has parameters, which the optimizer would miss; switch to it by a second '
                             'run with load_from')
        if not isinstance(owner.loss_module, StagedLoss):
            owner.loss_module = StagedLoss([owner.loss_module, *losses])
        self._loss = owner.loss_module

    def before_train(self, runner):
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(f'StageSwitchHook counts epochs, the run has {type(runner.train_loop).__name__}; '
                             'set train_cfg=dict(by_epoch=True, max_epochs=...)')
        model = unwrap(runner.model)
        self.plan.check(model, runner.max_epochs)
        self._counts = next((h.counts for h in runner.hooks if isinstance(h, ClassCountsHook)), None)
        self._augments = {stage['begin']: build_augments(stage['batch_augments'], model, self._counts)
                          for stage in self.plan.having('batch_augments')}
        preprocessor = getattr(model, 'data_preprocessor', None)  # with batch augments it always makes one-hot labels
        self._to_onehot = getattr(preprocessor, 'to_onehot', False) and preprocessor.batch_augments is None
        self._cams = {stage['begin']: self._cam_stage(stage['cam'], model, runner)
                      for stage in self.plan.having('cam') if stage['cam'] is not None}
        self.begun = None
        self._install_sampler(runner)
        self._install_pipelines(runner)

    def _cam_stage(self, cfg, model, runner):
        classifier_weight(model)
        cam = CAMStage(cfg, seed=runner.seed or 0)
        if self._counts is not None:
            cam.set_class_counts(self._counts)
        return cam

    def _install_sampler(self, runner):
        staged = self.plan.having('sampler')
        if staged:
            loader = runner.train_dataloader
            old = loader.batch_sampler.sampler
            stages = [dict(begin=s['begin'], sampler=s['sampler']) for s in staged]
            if stages[0]['begin']:
                stages.insert(0, dict(begin=0, sampler=old))
            loader.batch_sampler.sampler = StagedSampler(
                loader.dataset, stages, seed=getattr(old, 'seed', runner.seed),
                round_up=getattr(old, 'round_up', True), num_samples=epoch_size(old, len(loader.dataset)))

    def _install_pipelines(self, runner):
        self._pipeline_begins = []
        if self.plan.having('train_pipeline') or any((s['cam'] or {}).get('cached') for s in self.plan.having('cam')):
            self._pipeline = shared_stage()
            self._pipeline_begins = [stage['begin'] for stage in self.plan.having('train_pipeline', 'cam')]
            for leaf, dataset in enumerate(leaf_datasets(runner.train_dataloader.dataset)):
                pipelines = [dataset.pipeline]
                for epoch in self._pipeline_begins:
                    pipeline = self.plan.value('train_pipeline', epoch) or pipelines[0]
                    if (self.plan.value('cam', epoch) or {}).get('cached'):
                        pipeline = Compose(pipeline) if isinstance(pipeline, list) else pipeline
                        pipeline = CAMPipeline(pipeline, self._cam_file(runner, epoch), leaf)
                    pipelines.append(pipeline)
                dataset.pipeline = StagedPipeline(pipelines, self._pipeline)

    # the switch

    def before_train_epoch(self, runner):
        epoch = runner.epoch
        sampler = runner.train_dataloader.batch_sampler.sampler
        if isinstance(sampler, StagedSampler):
            sampler.set_epoch(epoch)
        stage = self.plan.current(epoch)
        if stage is None or stage['begin'] == self.begun:
            return
        self.begun, begins = stage['begin'], stage['begin'] == epoch
        for buffer in unwrap(runner.model).buffers():
            broadcast(buffer)  # batch norm's statistics are a rank's own; a checkpoint holds those of rank 0
        self._switch_parts(runner, epoch)
        self._switch_cam(runner, epoch)  # the model as it stood, so before anything is reset
        if begins:
            self._once(runner, stage)
        self._freeze(runner, self.plan.value('freeze', epoch, []))
        runner.logger.info(f'Stage of epoch {self.begun} {"begins" if begins else "continues"}: ' + ', '.join(
            f'{key}={_short(value)}' for key, value in stage.items() if key != 'begin'))

    def _switch_parts(self, runner, epoch):
        stage = self.plan.current(epoch, 'loss')
        if stage:
            self._loss.stage = 1 + self.plan.having('loss').index(stage)
        stage = self.plan.current(epoch, 'batch_augments')
        if stage:
            preprocessor = unwrap(runner.model).data_preprocessor
            preprocessor.batch_augments = self._augments[stage['begin']]
            preprocessor.to_onehot = self._to_onehot or preprocessor.batch_augments is not None
        if self._pipeline_begins:
            self._pipeline.fill_(sum(begin <= epoch for begin in self._pipeline_begins))

    def _once(self, runner, stage):
        for path in stage.get('reinit', []):
            reinitialize(runner, path, seed=(runner.seed or 0) + stage['begin'])
        if 'lr' in stage:
            optimizer = runner.optim_wrapper.optimizer
            for group in optimizer.param_groups:
                group['lr'] = stage['lr'] * (group.get('initial_lr', group['lr']) / optimizer.defaults['lr'])

    def _freeze(self, runner, paths):
        model = unwrap(runner.model)
        wanted = {id(p): p for path in paths for p in parameters(model, path)}
        changed = False
        for p in wanted.values():
            if p.requires_grad:
                p.requires_grad_(False)
                p.grad = None
                self._frozen[id(p)] = p
                changed = True
        for key in [key for key in self._frozen if key not in wanted]:
            self._frozen.pop(key).requires_grad_(True)
            changed = True
        if changed and is_model_wrapper(runner.model):
            # the reducer of a distributed wrapper expects the gradients it saw when it was built
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)

    def _switch_cam(self, runner, epoch):
        cam, stage = self.plan.value('cam', epoch), self.plan.current(epoch, 'cam')
        if cam is None:
            self.cam = None
        elif self.cam is None or stage['begin'] == epoch:
            self.cam = self._cams[stage['begin']]
            if stage['begin'] != epoch:
                if self._cam_state is None:
                    raise RuntimeError(f'the checkpoint has no frozen model for cam={cam}, which began at epoch '
                                       f'{stage["begin"]}; resume from a checkpoint that this hook saved')
                self.cam.load_state_dict(self._cam_state)
            self.cam.snapshot(unwrap(runner.model))
            if self.cam.cached:
                loader = runner.train_dataloader
                self.cam.cache(loader.dataset, self._cam_file(runner, epoch), num_workers=loader.num_workers,
                               amp=autocast_dtype(runner.optim_wrapper))

    def _cam_file(self, runner, epoch):
        return f'{runner.work_dir}/cams_of_epoch_{self.plan.current(epoch, "cam")["begin"]}.pth'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0 and self.plan.value('bn', runner.epoch) == 'frozen':
            for path in self.plan.value('freeze', runner.epoch, []):
                for name, module in unwrap(runner.model).named_modules():
                    if f'{name}.'.startswith(f'{path}.') and isinstance(module, BATCH_NORM):
                        module.eval()
        if self.cam is not None:
            self.cam.apply(data_batch, unwrap(runner.model), runner.epoch, runner.iter, runner.rank,
                           autocast_dtype(runner.optim_wrapper))

    # the frozen stage-1 model travels in the checkpoint

    def before_save_checkpoint(self, runner, checkpoint):
        if self.cam is not None:
            checkpoint['mmlt_cam'] = self.cam.state_dict()

    def after_load_checkpoint(self, runner, checkpoint):
        self._cam_state = checkpoint.get('mmlt_cam')


def _short(value):
    return value['type'] if isinstance(value, dict) and 'type' in value else (
        f'[{len(value)} steps]' if isinstance(value, list) and value and isinstance(value[0], dict) else value)

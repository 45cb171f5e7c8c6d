"""Stages: what changes when, in one hook."""
import warnings

from mmengine.dataset import Compose
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from mmlt.data.samplers import StagedSampler
from mmlt.engine.access import near, prepare_augments, submodule, unwrap
from mmlt.engine.cam import CAMStage
from mmlt.engine.cam_cache import CAMPipeline
from mmlt.engine.reinit import reinitialize
from mmlt.engine.stages import StagedLoss, StagedPipeline, leaf_datasets, shared_stage
from mmlt.registry import build

from .class_counts import ClassCountsHook

KEYS = ('begin', 'sampler', 'loss', 'batch_augments', 'train_pipeline', 'freeze', 'bn', 'reinit', 'lr', 'cam')
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
            - ``freeze`` (list[str]): module paths without gradient; ``[]`` unfreezes.
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
        self.stages = _merge(stages)
        self.current = None
        self.cam = None
        self._cam_state = None
        self._frozen = {}
        self._counts = None

    def _setting(self, key, epoch, default=None):
        """The value of ``key`` at ``epoch`` and the stage that set it."""
        for stage in reversed(self.stages):
            if stage['begin'] <= epoch and key in stage:
                return stage[key], stage
        return default, None

    # set-up

    def before_run(self, runner):
        staged = [stage for stage in self.stages if 'loss' in stage]
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
        self._loss, self._loss_stages = owner.loss_module, staged

    def before_train(self, runner):
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(f'StageSwitchHook counts epochs, the run has {type(runner.train_loop).__name__}; '
                             'set train_cfg=dict(by_epoch=True, max_epochs=...)')
        for stage in self.stages:
            if stage['begin'] >= runner.max_epochs:
                warnings.warn(f'the stage of epoch {stage["begin"]} never begins: training ends after '
                              f'{runner.max_epochs} epochs (0 to {runner.max_epochs - 1})', stacklevel=1)
            for path in [*stage.get('freeze', []), *stage.get('reinit', [])]:
                submodule(unwrap(runner.model), path)
        self._counts = next((h.counts for h in runner.hooks if isinstance(h, ClassCountsHook)), None)
        self.current = None
        preprocessor = getattr(unwrap(runner.model), 'data_preprocessor', None)
        self._augments = [(getattr(preprocessor, 'batch_augments', None), getattr(preprocessor, 'to_onehot', False))]
        self._augments += [(_batch_augments(s['batch_augments'], unwrap(runner.model), self._counts), True)
                           for s in self.stages if 'batch_augments' in s]
        self._install_sampler(runner)
        self._install_pipelines(runner)

    def _install_sampler(self, runner):
        staged = [stage for stage in self.stages if 'sampler' in stage]
        if staged:
            loader = runner.train_dataloader
            old = loader.batch_sampler.sampler
            stages = [dict(begin=s['begin'], sampler=s['sampler']) for s in staged]
            if stages[0]['begin']:
                stages.insert(0, dict(begin=0, sampler=old))
            loader.batch_sampler.sampler = StagedSampler(
                loader.dataset, stages, seed=getattr(old, 'seed', runner.seed),
                round_up=getattr(old, 'round_up', True), num_samples=getattr(old, 'total_size', len(loader.dataset)))

    def _install_pipelines(self, runner):
        self._pipeline_stages = [s for s in self.stages if 'train_pipeline' in s or (s.get('cam') or {}).get('cached')]
        if self._pipeline_stages:
            self._pipeline = shared_stage()
            for leaf, dataset in enumerate(leaf_datasets(runner.train_dataloader.dataset)):
                pipelines = [dataset.pipeline]
                for stage in self._pipeline_stages:
                    pipeline = self._setting('train_pipeline', stage['begin'])[0] or pipelines[0]
                    cam = self._setting('cam', stage['begin'])[0]
                    if cam and cam.get('cached'):
                        pipeline = Compose(pipeline) if isinstance(pipeline, list) else pipeline
                        pipeline = CAMPipeline(pipeline, self._cam_file(runner, stage), leaf)
                    pipelines.append(pipeline)
                dataset.pipeline = StagedPipeline(pipelines, self._pipeline)

    # the switch

    def before_train_epoch(self, runner):
        epoch = runner.epoch
        sampler = runner.train_dataloader.batch_sampler.sampler
        if isinstance(sampler, StagedSampler):
            sampler.set_epoch(epoch)
        stage = max((s['begin'] for s in self.stages if s['begin'] <= epoch), default=-1)
        if stage == self.current or stage < 0:
            return
        begins = stage == epoch
        for buffer in unwrap(runner.model).buffers():
            broadcast(buffer)  # batch norm's statistics are a rank's own; a checkpoint holds those of rank 0
        self._switch_parts(runner, epoch)
        self._switch_cam(runner, epoch)  # the model as it stood, so before anything is reset
        if begins:
            self._once(runner, next(s for s in self.stages if s['begin'] == epoch))
        self._freeze(runner, self._setting('freeze', epoch, [])[0])
        self.current = stage
        runner.logger.info(f'Stage of epoch {stage} {"begins" if begins else "continues"}: ' + ', '.join(
            f'{k}={_short(v)}' for k, v in next(s for s in self.stages if s['begin'] == stage).items() if k != 'begin'))

    def _switch_parts(self, runner, epoch):
        stage = self._setting('loss', epoch)[1]
        if stage:
            self._loss.stage = 1 + self._loss_stages.index(stage)
        stage = self._setting('batch_augments', epoch)[1]
        if stage:
            preprocessor = unwrap(runner.model).data_preprocessor
            before, to_onehot = self._augments[0]
            with_augments = [s for s in self.stages if 'batch_augments' in s]
            augments = self._augments[1 + with_augments.index(stage)][0]
            preprocessor.batch_augments = augments
            preprocessor.to_onehot = augments is not None or (to_onehot and before is None)
        if self._pipeline_stages:
            self._pipeline.fill_(sum(s['begin'] <= epoch for s in self._pipeline_stages))

    def _once(self, runner, stage):
        for path in stage.get('reinit', []):
            reinitialize(runner, path, seed=(runner.seed or 0) + stage['begin'])
        if 'lr' in stage:
            optimizer = runner.optim_wrapper.optimizer
            for group in optimizer.param_groups:
                group['lr'] = stage['lr'] * (group.get('initial_lr', group['lr']) / optimizer.defaults['lr'])

    def _freeze(self, runner, paths):
        model = unwrap(runner.model)
        wanted = {id(p): p for path in paths for p in submodule(model, path).parameters()}
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
        if not any(p.requires_grad for p in model.parameters()):
            raise ValueError(f'freeze={paths} leaves nothing to train')
        if changed and is_model_wrapper(runner.model):
            # the reducer of a distributed wrapper expects the gradients it saw when it was built
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)

    def _switch_cam(self, runner, epoch):
        cam, stage = self._setting('cam', epoch)
        if cam is None:
            self.cam = None
        elif self.cam is None or stage['begin'] == epoch:
            self.cam = CAMStage(cam, seed=runner.seed or 0)
            if self._counts is not None:
                self.cam.set_class_counts(self._counts)
            if stage['begin'] != epoch:
                if self._cam_state is None:
                    raise RuntimeError(f'the checkpoint has no frozen model for cam={cam}, which began at epoch '
                                       f'{stage["begin"]}; resume from a checkpoint that this hook saved')
                self.cam.load_state_dict(self._cam_state)
            self.cam.snapshot(unwrap(runner.model))
            if self.cam.cached:
                loader = runner.train_dataloader
                self.cam.cache(loader.dataset, self._cam_file(runner, stage), num_workers=loader.num_workers,
                               amp=_autocast(runner))

    @staticmethod
    def _cam_file(runner, stage):
        return f'{runner.work_dir}/cams_of_epoch_{stage["begin"]}.pth'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0 and self._setting('bn', runner.epoch, 'update')[0] == 'frozen':
            for path in self._setting('freeze', runner.epoch, [])[0]:
                for module in submodule(unwrap(runner.model), path).modules():
                    if isinstance(module, BATCH_NORM):
                        module.eval()
        if self.cam is not None:
            self.cam.apply(data_batch, unwrap(runner.model), runner.epoch, runner.iter, runner.rank, _autocast(runner))

    # the frozen stage-1 model travels in the checkpoint

    def before_save_checkpoint(self, runner, checkpoint):
        if self.cam is not None:
            checkpoint['mmlt_cam'] = self.cam.state_dict()

    def after_load_checkpoint(self, runner, checkpoint):
        self._cam_state = checkpoint.get('mmlt_cam')


def _merge(stages):
    """Check the stages and merge those of one epoch."""
    merged = []
    for stage in map(dict, stages):
        unknown = set(stage) - set(KEYS)
        if unknown or 'begin' not in stage:
            raise ValueError(f'a stage needs begin= and any of {", ".join(KEYS[1:])}; got {sorted(stage)}'
                             + near(sorted(unknown), KEYS))
        if stage.get('bn', 'update') not in ('update', 'frozen'):
            raise ValueError(f'bn must be "update" or "frozen", got {stage["bn"]!r}')
        if stage['begin'] < (merged[-1]['begin'] if merged else 0):
            raise ValueError(f'stages must be in order of begin, 0 or later; got {[s["begin"] for s in stages]}')
        if merged and merged[-1]['begin'] == stage['begin']:
            merged[-1].update(stage)
        else:
            merged.append(stage)
    if not merged:
        raise ValueError('StageSwitchHook needs at least one stage, e.g. stages=[dict(begin=160, lr=0.01)]')
    return merged


def _batch_augments(cfg, model, counts):
    if not cfg:
        return None
    from mmpretrain.models import RandomBatchAugment
    augments = RandomBatchAugment(**(cfg if isinstance(cfg, dict) and 'augments' in cfg else dict(augments=cfg)))
    prepare_augments(augments.augments, model, counts)
    return augments


def _autocast(runner):
    """The dtype of mixed precision, True for the device's default, False without."""
    wrapper = runner.optim_wrapper
    return isinstance(wrapper, AmpOptimWrapper) and (wrapper.cast_dtype or True)


def _short(value):
    return value['type'] if isinstance(value, dict) and 'type' in value else (
        f'[{len(value)} steps]' if isinstance(value, list) and value and isinstance(value[0], dict) else value)

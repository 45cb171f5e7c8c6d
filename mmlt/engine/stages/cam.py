"""``cam``: CAM-based sampling with the model as it stood when the stage began."""
from ..access import counts_of, unwrap
from ..amp import autocast_dtype
from ..cam import CAMStage, classifier_weight
from ..cam_cache import CAMPipeline
from .part import StagePart, register


@register
class CAMPart(StagePart):
    """Transforms the foreground of chosen images of each batch; its frozen model travels in the checkpoint."""

    keys = dict(cam=(dict, type(None)))

    def __init__(self, plan):
        super().__init__(plan)
        self.active = self._state = None

    def check(self, runner):
        model = unwrap(runner.model)
        self.stages = {stage['begin']: self._stage(stage['cam'], model, runner)
                       for stage in self.plan.having('cam') if stage['cam'] is not None}
        self.active = None

    def _stage(self, cfg, model, runner):
        classifier_weight(model)
        cam = CAMStage(cfg, seed=runner.seed or 0)
        if counts_of(runner) is not None:
            cam.set_class_counts(counts_of(runner))
        return cam

    def pipeline_begins(self):
        stages = self.plan.having('cam')
        return [stage['begin'] for stage in stages] if any((s['cam'] or {}).get('cached') for s in stages) else []

    def wrap(self, pipeline, runner, time, leaf):
        cached = (self.plan.value('cam', time) or {}).get('cached')
        return CAMPipeline(pipeline, self._file(runner, time), leaf) if cached else pipeline

    def load(self, runner, time, begins):
        value, stage = self.plan.value('cam', time), self.plan.current(time, 'cam')
        if value is None:
            self.active = None
        elif self.active is None or stage['begin'] == time:
            self.active = self.stages[stage['begin']]
            if stage['begin'] != time:
                if self._state is None:
                    raise RuntimeError(f'the checkpoint has no frozen model for cam={value}, which began at '
                                       f'{self.plan.unit} {stage["begin"]}; resume from a checkpoint that this hook '
                                       'saved')
                self.active.load_state_dict(self._state)
            self.active.snapshot(unwrap(runner.model))
            if self.active.cached:
                loader = runner.train_dataloader
                self.active.cache(loader.dataset, self._file(runner, time), num_workers=loader.num_workers,
                                  amp=autocast_dtype(runner.optim_wrapper))

    def _file(self, runner, time):
        return f'{runner.work_dir}/cams_of_{self.plan.unit}_{self.plan.current(time, "cam")["begin"]}.pth'

    def before_step(self, runner, batch_idx, data_batch):
        if self.active is not None:
            self.active.apply(data_batch, unwrap(runner.model), runner.epoch, runner.iter, runner.rank,
                              autocast_dtype(runner.optim_wrapper))

    def state_dict(self):
        return None if self.active is None else self.active.state_dict()

    def load_state_dict(self, state):
        self._state = state

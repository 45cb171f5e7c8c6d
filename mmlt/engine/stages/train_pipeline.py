"""``train_pipeline``: another data pipeline, here and where other parts wrap it."""
from mmengine.dataset import Compose

from ..loader import can_restart, counts_iterations, restart
from ..pipelines import StagedPipeline, leaf_datasets, shared_stage
from .part import StagePart, register


@register
class PipelinePart(StagePart):
    """Replaces the pipeline of every inner data set. The stage number lies in memory that loader workers share; in an
    iteration-based run, where workers load ahead, the loader starts again where the stage begins."""

    keys = dict(train_pipeline=(list, tuple, type(None)))

    def pipeline_begins(self):
        return [stage['begin'] for stage in self.plan.having('train_pipeline')]

    def install(self, runner):
        self.begins = sorted({begin for part in self.parts for begin in part.pipeline_begins()})
        if not self.begins:
            return
        loader = runner.train_dataloader
        if counts_iterations(runner) and any(self.begins) and not can_restart(loader):
            raise ValueError('another pipeline within an iteration-based run needs a sampler that can be told its '
                             f'place, the loader has {type(loader.batch_sampler.sampler).__name__}; set '
                             'sampler=dict(type="InfiniteSampler", shuffle=True) (of a recent MMEngine) without a '
                             'batch_sampler, or num_workers=0')
        self.stage = shared_stage()
        for leaf, dataset in enumerate(leaf_datasets(loader.dataset)):
            pipelines = [dataset.pipeline]
            for time in self.begins:
                pipeline = self.plan.value('train_pipeline', time) or pipelines[0]
                pipeline = Compose(pipeline) if isinstance(pipeline, (list, tuple)) else pipeline
                for part in self.parts:
                    pipeline = part.wrap(pipeline, runner, time, leaf)
                pipelines.append(pipeline)
            dataset.pipeline = StagedPipeline(pipelines, self.stage)

    def load(self, runner, time, begins):
        if self.begins:
            stage = sum(begin <= time for begin in self.begins)
            if stage != int(self.stage):
                self.stage.fill_(stage)
                if begins and counts_iterations(runner):
                    restart(runner, time)

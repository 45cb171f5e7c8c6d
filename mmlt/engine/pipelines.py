"""Data pipelines of a running training: one a stage, and one that numbers the images."""
import torch
from mmengine.dataset import Compose


class StagedPipeline:
    """One data pipeline a stage. The stage number lives in shared memory, so loader workers that persist see it.

    Args:
        pipelines (list[callable]): the data set's own pipeline first.
        stage (Tensor): shared int64 scalar, the index of the active pipeline.
    """

    def __init__(self, pipelines, stage):
        self.pipelines = [p if callable(p) else Compose(p) for p in pipelines]
        self.stage = stage

    def __call__(self, data):
        return self.pipelines[int(self.stage)](data)

    @property
    def transforms(self):
        return self.pipelines[int(self.stage)].transforms


def shared_stage():
    """An int64 scalar that loader workers see change."""
    return torch.zeros((), dtype=torch.int64).share_memory_()


def leaf_datasets(dataset):
    """The innermost data sets below any wrappers, in order."""
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else [])
    return [leaf for part in inner for leaf in leaf_datasets(part)] if inner else [dataset]


class NumberedPipeline:
    """A data pipeline whose data samples carry ``sample_idx``, the place of the image in the whole training set.

    MMPretrain's ``PackInputs`` keeps the place within an innermost data set, unless its ``meta_keys`` say otherwise.

    Args:
        pipeline (callable): of an innermost data set.
        first (int): the place of its first image.
    """

    def __init__(self, pipeline, first):
        self.pipeline, self.first = pipeline, first

    @property
    def transforms(self):
        return self.pipeline.transforms

    def __call__(self, data):
        if 'sample_idx' not in data:
            raise ValueError('the data set gives no sample_idx to its pipeline, so that images cannot be told apart; '
                             'derive it from MMEngine\'s BaseDataset')
        index = self.first + data['sample_idx']
        results = self.pipeline(data)
        if results is not None:
            results['data_samples'].set_metainfo(dict(sample_idx=index))
        return results


def number_samples(dataset) -> None:
    """Let every image say its place among those of all innermost data sets, in order; safe to call twice."""
    first = 0
    for leaf in leaf_datasets(dataset):
        if not isinstance(leaf.pipeline, NumberedPipeline):
            leaf.pipeline = NumberedPipeline(leaf.pipeline, first)
        first += len(leaf)

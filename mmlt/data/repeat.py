"""Several views of an image by any pipeline.  V views."""
import copy

from mmcv.transforms import BaseTransform, Compose

__all__ = ['RepeatPipeline']


class RepeatPipeline(BaseTransform):
    """Run a whole pipeline several times on an image and pack the results as views; what loads the image runs once.

    MMPretrain's ``MultiView`` wants its transforms apart from loading and packing; this takes a pipeline as it is.

    Args:
        pipeline (list[dict]): from loading to ``PackInputs``.
        num_views (int): V.
    """

    def __init__(self, pipeline, num_views=2):
        loads = 0
        while loads < len(pipeline) and str(pipeline[loads]['type']).rpartition('.')[2].startswith('Load'):
            loads += 1
        self.load, self.pipeline, self.num_views = Compose(pipeline[:loads]), Compose(pipeline[loads:]), num_views

    def transform(self, results):
        results = self.load(results)
        views = [self.pipeline(copy.deepcopy(results)) for _ in range(self.num_views)]
        return dict(inputs=[view['inputs'] for view in views], data_samples=views[0]['data_samples'])

"""Several views of an image by any pipeline.  V views."""
import copy
from typing import Any

from mmcv.transforms import BaseTransform, Compose

__all__ = ['RepeatPipeline']


class RepeatPipeline(BaseTransform):
    """Run a whole pipeline several times on an image and pack the results as views; what loads the image runs once.

    MMPretrain's ``MultiView`` wants its transforms apart from loading and packing; this takes a pipeline as it is. One
    view is the pipeline with more transforms: an image, not a list of one.

    Args:
        pipeline (list[dict]): from loading to packing, which comes last.
        num_views (int): V.
        views (list[list[dict]], optional): what each of V views has beside, before it is packed.

    Raises:
        ValueError: ``views`` are not V.
    """

    def __init__(self, pipeline: Any, num_views: int = 2, views: Any = None):
        views = [[] for _ in range(num_views)] if views is None else views
        if len(views) != num_views:
            raise ValueError(f'RepeatPipeline: num_views={num_views}, and views has {len(views)} lists of transforms')
        loads = 0
        while loads < len(pipeline) and str(pipeline[loads]['type']).rpartition('.')[2].startswith('Load'):
            loads += 1
        self.load = Compose(pipeline[:loads])
        self.views = [Compose([*pipeline[loads:-1], *view, pipeline[-1]]) for view in views]

    def transform(self, results: dict):
        results = self.load(results)
        if len(self.views) == 1:
            return self.views[0](results)
        views = [view(copy.deepcopy(results)) for view in self.views]
        return dict(inputs=[view['inputs'] for view in views], data_samples=views[0]['data_samples'])

"""Several views of each image.  V views, N images of a batch, C x H x W pixels."""
import torch
from mmengine.logging import MessageHub
from mmpretrain.models import ClsDataPreprocessor, ImageClassifier


class MultiViewDataPreprocessor(ClsDataPreprocessor):
    """MMPretrain's ``ClsDataPreprocessor``, which also takes the views that ``MultiView`` makes, as a list of V batches
    (N, C, H, W).

    Raises:
        ValueError: views together with batch augmentations.
    """

    def forward(self, data, training=False):
        views = data['inputs']
        if not isinstance(views, (list, tuple)) or (torch.is_tensor(views[0]) and views[0].ndim == 3):
            return super().forward(data, training)
        if training and self.batch_augments is not None:
            raise ValueError('the pipeline makes views and model.train_cfg mixes images, which then have no class to '
                             'contrast; take the augments out of model.train_cfg')
        batch, prepare = super().forward(dict(data, inputs=views[0]), training), super().forward
        batch['inputs'] = [batch['inputs'], *(prepare(dict(inputs=view))['inputs'] for view in views[1:])]
        return batch


class MultiViewClassifier(ImageClassifier):
    """Base of the classifiers that train on several views of each image, or on two batches.

    They take every argument of MMPretrain's ``ImageClassifier``. In evaluation they are one: backbone, neck and head
    alone run, and their checkpoint loads into one.
    """

    _epoch = None  # of the last call of epoch_begins

    def __init__(self, *args, data_preprocessor=None, **kwargs):
        if data_preprocessor is None or isinstance(data_preprocessor, dict):
            data_preprocessor = dict(data_preprocessor or {})
            if data_preprocessor.get('type') in (None, 'ClsDataPreprocessor', 'mmpretrain.ClsDataPreprocessor'):
                data_preprocessor['type'] = MultiViewDataPreprocessor
        super().__init__(*args, data_preprocessor=data_preprocessor, **kwargs)

    def epoch_begins(self):
        """True in its first call of each epoch."""
        last, self._epoch = self._epoch, MessageHub.get_current_instance().runtime_info.get('epoch', 0)
        return self._epoch != last

    @property
    def width(self):
        """D of the features that the classifier layer reads."""
        return self.head.in_channels

    def views_of(self, inputs, views):
        """The V batches of the inputs.

        Raises:
            ValueError: the pipeline makes another number of views.
        """
        got = len(inputs) if isinstance(inputs, (list, tuple)) else 1
        if got != views:
            fix = 'take MultiView out of the pipeline' if views == 1 else (
                f"put dict(type='MultiView', num_views=[{views}], transforms=[[...]]) before PackInputs, or the whole "
                f"pipeline into dict(type='RepeatPipeline', num_views={views}, pipeline=[...])")
            raise ValueError(f'{type(self).__name__} trains on {views} view{"s" * (views > 1)} of each image, the '
                             f'pipeline makes {got}; {fix}')
        return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


def labels_of(data_samples):
    """The classes (N,) of data samples."""
    return torch.cat([sample.gt_label for sample in data_samples])


def rows(feats, *parts):
    """Rows of each map of a tuple of features."""
    return tuple(x[slice(*parts)] for x in feats)

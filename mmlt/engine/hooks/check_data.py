"""Files that are missing, found before the first epoch."""
import os

from mmengine.dist import master_only
from mmengine.hooks import Hook

from ..pipelines import leaf_datasets

LIMIT = 200_000  # files; a network disk answers some 10,000 a second


class CheckDataHook(Hook):
    """Look for every image file of the training and validation sets before training starts.

    Args:
        always (bool): also where there are more than 200,000 files.

    Raises:
        FileNotFoundError: files are missing or empty; the first of them are named.
    """

    def __init__(self, always: bool = False):
        self.always = always

    @master_only
    def before_train(self, runner):
        loaders = [runner.train_dataloader, *([runner.val_dataloader] if runner.val_loop is not None else [])]
        paths = [path for loader in loaders for leaf in leaf_datasets(loader.dataset) for path in image_paths(leaf)]
        if len(paths) > LIMIT and not self.always:
            return
        bad = [path for path in paths if '://' not in path and not (os.path.isfile(path) and os.path.getsize(path))]
        if bad:
            more = f' and {len(bad) - 5} more' if len(bad) > 5 else ''
            raise FileNotFoundError(f'{len(bad)} of {len(paths)} image files are missing or empty: {", ".join(bad[:5])}'
                                    f'{more}; correct data_root or the list')


def image_paths(dataset) -> list[str]:
    """The files of an innermost data set; none if it is not of MMEngine's kind or holds its images itself."""
    if not hasattr(dataset, 'get_data_info'):
        return []
    return [path for i in range(len(dataset)) if (path := dataset.get_data_info(i).get('img_path'))]

"""ImageNet-LT, Places-LT and iNaturalist 2018 from their official lists."""
import json

from mmengine.fileio import exists, get_file_backend, get_text, list_from_file
from mmpretrain.datasets import BaseDataset
from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

CHECKED_FILES = 8  # images of a list that must exist when it is loaded
INAT = 'https://github.com/visipedia/inat_comp/tree/master/2018'
LISTS = 'https://github.com/facebookresearch/classifier-balancing'


class _OfficialList(BaseDataset):
    """A set given by one text list a split, ``path label`` a line."""

    FILES = {}  # split -> name of its list
    NUM_CLASSES = None
    GET_LISTS = GET_IMAGES = ''  # what to download and where to put it

    def __init__(self, data_root='', ann_file='', split='train', **kwargs):
        if split not in self.FILES:
            raise ValueError(f'{type(self).__name__} has the splits {list(self.FILES)}, got {split!r}')
        self.split = split
        super().__init__(ann_file=ann_file or self.FILES[split], data_root=data_root, **kwargs)

    def load_data_list(self):
        """Records ``img_path`` and ``gt_label``, in the order of the list."""
        if not exists(self.ann_file):
            raise FileNotFoundError(f'{self.ann_file} is missing; {self.GET_LISTS}')
        samples, names = self.read_samples()
        if not samples:
            raise ValueError(f'{self.ann_file} lists no image; {self.GET_LISTS}')
        num_classes = len(self.CLASSES) if self.CLASSES else self.NUM_CLASSES
        backend = get_file_backend(self.img_prefix, enable_singleton=True)
        data_list = []
        for path, label in samples:
            if not 0 <= label < num_classes:
                raise ValueError(f'{self.ann_file}: {path} has the label {label}, expected 0 <= label < {num_classes}')
            names.setdefault(label, path.split('/')[-2] if '/' in path else f'class {label}')
            data_list.append(dict(img_path=backend.join_path(self.img_prefix, path), gt_label=label))
        for info in data_list[:CHECKED_FILES]:
            if not backend.exists(info['img_path']):
                raise FileNotFoundError(f'{info["img_path"]}, an image of {self.ann_file}, is missing; '
                                        f'{self.GET_IMAGES}, or set data_root and data_prefix')
        if not self.CLASSES:
            self._metainfo['classes'] = tuple(names.get(c, f'class {c}') for c in range(num_classes))
        return data_list

    def read_samples(self):
        """[(path, label), ...] and {label: class name} of a text list."""
        samples = []
        for number, line in enumerate(list_from_file(self.ann_file), 1):
            if line.strip():
                try:
                    path, label = line.strip().rsplit(maxsplit=1)
                    samples.append((path, int(label)))
                except ValueError:
                    raise ValueError(f'{self.ann_file}, line {number}: expected "path label", got {line!r}') from None
        return samples, {}


class ImageNetLT(_OfficialList):
    """ImageNet-LT: 115,846 training images of 1,000 classes (1280 to 5), 20,000 for validation, 50,000 for test.

    Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019, arXiv:1904.05160. ``data_root`` holds
    ImageNet's ``train/<wnid>/*.JPEG`` and ``val/<wnid>/*.JPEG`` and the official lists.

    Args:
        data_root (str): folder of the images and the list.
        ann_file (str): the list, relative to ``data_root``; by default ``ImageNet_LT_<split>.txt``.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        **kwargs: of MMPretrain's ``BaseDataset`` (``data_prefix``, ``pipeline``, ...).

    Raises:
        FileNotFoundError: the list or one of its first images is missing; says what to download and where to put it.
        ValueError: a bad ``split``, a line that is not ``path label``, or a label that is not in [0, C).
    """

    FILES = {split: f'ImageNet_LT_{split}.txt' for split in ('train', 'val', 'test')}
    NUM_CLASSES = 1000
    METAINFO = {'classes': IMAGENET_CATEGORIES}
    GET_LISTS = (f'get the ImageNet-LT lists from https://liuziwei7.github.io/projects/LongTail.html or {LISTS} '
                 '(data/ImageNet_LT) and put them into data_root')
    GET_IMAGES = ('get ILSVRC2012 from https://image-net.org and put its folders train/<wnid>/ and val/<wnid>/ '
                  'into data_root')


class PlacesLT(_OfficialList):
    """Places-LT: 62,500 training images of 365 classes (4980 to 5), 7,300 for validation, 36,500 for test.

    Liu et al., CVPR 2019, arXiv:1904.05160. ``data_root`` holds the folders ``train/<class>/*.jpg`` and
    ``val/<class>/*.jpg`` of Places365 and the official lists ``Places_LT_<split>.txt``; the class names are those of
    the folders. Arguments and errors are those of :class:`ImageNetLT`.
    """

    FILES = {split: f'Places_LT_{split}.txt' for split in ('train', 'val', 'test')}
    NUM_CLASSES = 365
    GET_LISTS = (f'get the Places-LT lists from https://liuziwei7.github.io/projects/LongTail.html or {LISTS} '
                 '(data/Places_LT) and put them into data_root')
    GET_IMAGES = ('get places365standard_easyformat.tar from http://places2.csail.mit.edu/download.html and put its '
                  'folders train/ and val/ into data_root')


class INaturalist2018(_OfficialList):
    """iNaturalist 2018: 437,513 training images of 8,142 species (1000 to 2), 24,426 for validation.

    Van Horn et al., CVPR 2018, arXiv:1707.06642. ``data_root`` holds ``train_val2018/`` and the official json files
    ``train2018.json`` and ``val2018.json``. A text list, ``path label`` a line, is read if ``ann_file`` does
    not end in ``.json``. The labels of the test set are not public. Arguments and errors are those of
    :class:`ImageNetLT`.
    """

    FILES = {split: f'{split}2018.json' for split in ('train', 'val')}
    NUM_CLASSES = 8142
    GET_LISTS = f'get train2018.json.tar.gz and val2018.json.tar.gz from {INAT} and extract them in data_root'
    GET_IMAGES = f'get train_val2018.tar.gz from {INAT} and extract it in data_root'

    def read_samples(self):
        """[(path, label), ...] and {label: class name}."""
        if not self.ann_file.endswith('.json'):
            return super().read_samples()
        try:
            content = json.loads(get_text(self.ann_file))
            paths = {image['id']: image['file_name'] for image in content['images']}
            samples = [(paths[row['image_id']], row['category_id']) for row in content['annotations']]
            return samples, {row['id']: str(row['name']) for row in content.get('categories', [])}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f'{self.ann_file} is truncated or not the official json ({error!r}); {self.GET_LISTS}'
                             ) from error

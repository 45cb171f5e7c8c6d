"""Class counts of COCO and LVIS annotation files.  C categories."""
import json
import os
from collections.abc import Sequence

import numpy as np

from ..core.fractal import box_counting_dimension


def annotation_counts(path: str, classes: Sequence[str] | None = None, fractal: bool = False):
    """Count instances and images of every category, in one pass over the annotations.

    What MMDetection does not train on is not counted: crowds, ``ignore`` and boxes that are thinner than a pixel or
    lie outside their image. Only the standard library is needed.

    Args:
        path (str): a json file in COCO or LVIS format.
        classes (sequence of str, optional): category names, of which only these are counted, as a data set's
            ``metainfo['classes']``.
        fractal (bool): also how evenly each category lies in the image, for ``FractalCalibrationHook``.

    Returns:
        dict: ``class_counts``, instances (C,), ``image_counts``, images with the category (C,), ``classes``, the names
        (C,), and ``num_images``, all images of the file; with ``fractal`` also ``fractal_dimensions`` (C,), see
        :func:`mmlt.core.fractal.box_counting_dimension`. Categories stand in the order of the labels that MMDetection
        gives them: that of the file for COCO and LVIS, whatever the order of ``classes``.

    Raises:
        ValueError: no JSON or no such format, a name in ``classes`` that the file does not have, or an annotation of an
            unknown category or image.
    """
    data = _read_json(path)
    data = data if isinstance(data, dict) else {}
    missing = [key for key in ('images', 'annotations', 'categories') if key not in data]
    if missing:
        raise ValueError(f'{path} is no COCO or LVIS annotation file: it has no {", ".join(missing)}')
    try:
        return _count(path, data, classes, fractal)
    except KeyError as error:
        raise ValueError(f'{path} has an entry without {error}; detection needs id, width and height of each image, id '
                         'and name of each category, image_id, category_id and bbox of each annotation') from None


def _count(path, data, classes, fractal):
    names = {category['id']: category['name'] for category in data['categories']}
    wanted = set(names.values() if classes is None else classes)
    kept = {key: name for key, name in names.items() if name in wanted}
    absent = sorted(wanted - set(kept.values()))
    if absent:
        raise ValueError(f'{path} has no category {", ".join(absent[:5])}; it has {", ".join(list(names.values())[:5])}'
                         f'{", ..." if len(names) > 5 else ""}')
    sizes = {image['id']: (image['width'], image['height']) for image in data['images']}
    instances, images = dict.fromkeys(kept, 0), {key: set() for key in kept}
    place, centres = {key: c for c, key in enumerate(kept)}, []
    for a in data['annotations']:
        if a['category_id'] not in names or a['image_id'] not in sizes:
            raise ValueError(f'annotation {a.get("id")} in {path} is of category {a["category_id"]} and image '
                             f'{a["image_id"]}, one of which the file does not list')
        if a['category_id'] in kept and _trains(a, *sizes[a['image_id']]):
            instances[a['category_id']] += 1
            images[a['category_id']].add(a['image_id'])
            if fractal:
                (x, y, w, h), (width, height) = a['bbox'], sizes[a['image_id']]
                centres.append(((x + w / 2) / width, (y + h / 2) / height, place[a['category_id']]))
    found = dict(class_counts=list(instances.values()), image_counts=[len(ids) for ids in images.values()],
                classes=list(kept.values()), num_images=len(sizes))
    if fractal:
        points = np.array(centres).reshape(-1, 3)
        found['fractal_dimensions'] = box_counting_dimension(
            points[:, :2], points[:, 2].astype(int), len(kept)).tolist()
    return found


def _read_json(path):
    if not isinstance(path, (str, os.PathLike)):  # open() takes the number of an open file, too, and closes it
        raise TypeError(f'expected the path of a json file, got {path!r:.60}')
    with open(path) as f:
        try:
            return json.load(f)
        except (ValueError, RecursionError) as error:
            raise ValueError(f'{path} is no JSON: {error}') from None


def _trains(annotation, width, height):
    x, y, w, h = annotation['bbox']
    return not (annotation.get('ignore') or annotation.get('iscrowd') or annotation.get('area', 1) <= 0
                or w < 1 or h < 1 or min(x + w, width) <= max(x, 0) or min(y + h, height) <= max(y, 0))


def read_counts(counts: np.ndarray, unit: str = 'instance'):
    """Counts as given, or from a json file that holds a list or the dict of :func:`annotation_counts`.

    Args:
        counts: (C,) counts, or a path.
        unit (str): ``'instance'``, or ``'image'`` for the file's ``image_counts`` where it has them.
    """
    if not isinstance(counts, (str, os.PathLike)):
        return counts
    data = _read_json(counts)
    if not isinstance(data, dict):
        return data
    if 'class_counts' not in data:
        raise ValueError(f'{counts} holds a dict without class_counts; tools/count_classes.py writes one that has it')
    return data['image_counts'] if unit == 'image' and 'image_counts' in data else data['class_counts']

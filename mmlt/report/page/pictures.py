"""Thumbnails of the tail's errors, with the class activation map of the predicted class.  H x W pixels."""
import base64
import io

import numpy as np

from .compare import tail_of

SIDE, LARGEST, TOTAL = 96, 64 * 1024, 2_500_000  # pixels; bytes of one picture and of all


def tail_errors(predictions, most=60):
    """Indices of wrong tail images: the most confident first, of each class in turn."""
    _, tail = tail_of(predictions)
    wrong = np.flatnonzero(tail[predictions.label] & ~predictions.right)
    if predictions.score is not None:
        wrong = wrong[np.argsort(-predictions.score[wrong, 0], kind='stable')]
    turn, seen = [], {}
    for i in wrong.tolist():
        c = int(predictions.label[i])
        turn.append((seen.setdefault(c, 0), len(turn), i))
        seen[c] += 1
    return [i for *_, i in sorted(turn)[:most]]


def pictures_of(run, indices):
    """{index: (data URL, data URL of the CAM or None)} of what can be read; never raises for a missing data set."""
    if run.predictions.paths:
        images = {i: (_open(run.predictions.paths[i]), None) for i in indices}
    elif run.config_file is None:
        return {}, 'these predictions name no image files (a column path, or an array paths)'
    else:
        try:
            images = _from_dataset(run, indices)
        except Exception as error:  # a moved data set, a foreign model
            kind = '' if isinstance(error, ValueError) else f'{type(error).__name__}: '
            return {}, f'{kind}{error}'.split('\n')[0][:300]
    shown, left = {}, TOTAL
    for i, parts in images.items():
        urls = tuple(None if part is None else data_url(part) for part in parts)
        left -= sum(len(url or '') for url in urls)
        if left < 0:
            break
        if urls[0]:
            shown[i] = urls
    return shown, '' if shown else 'their images cannot be read'


def data_url(image, side=SIDE):
    """(H, W, 3) uint8 -> a data URL of at most 64 kB; None if it cannot be made so small."""
    from PIL import Image

    picture = Image.fromarray(image)
    if max(picture.size) > side:
        picture.thumbnail((side, side), Image.LANCZOS)
    for quality in (82, 60, 30):
        buffer = io.BytesIO()
        picture.save(buffer, 'WEBP', quality=quality, method=4)
        if len(buffer.getvalue()) <= LARGEST:
            return 'data:image/webp;base64,' + base64.b64encode(buffer.getvalue()).decode()


def _open(path):
    from PIL import Image
    try:
        with Image.open(path) as image:
            image.thumbnail((4 * SIDE, 4 * SIDE))
            return np.asarray(image.convert('RGB'))
    except OSError:
        return None


def _from_dataset(run, indices):
    from mmengine.config import Config
    from mmengine.registry import DATASETS, init_default_scope

    from ..cam_gallery import displayable

    cfg = Config.fromfile(run.config_file)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    loader = cfg.get('val_dataloader') or cfg.get('test_dataloader')
    if not loader:
        raise ValueError('the config of the run has no val_dataloader and no test_dataloader')
    dataset = DATASETS.build(loader.dataset)
    if len(dataset) != len(run.predictions.label):
        raise ValueError(f'the data set has {len(dataset)} images, the predictions {len(run.predictions.label)}')
    items = [dataset[i] for i in indices]
    flip = bool((cfg.get('data_preprocessor') or {}).get('to_rgb'))
    shown = [displayable(item['inputs'], flip) for item in items]
    return dict(zip(indices, zip(shown, _cams(run, cfg, items, indices, shown))))


def _cams(run, cfg, items, indices, shown):
    """An overlay for each item, or None where the model has no CAM."""
    import torch

    from ...core.augment.cam import resize_cam
    from ...engine.cam import CAMTeacher
    from ...engine.features import load_model
    from ...engine.load import read_checkpoint
    from ..classifier import find_classifier
    try:
        checkpoint = read_checkpoint(run.checkpoint)
        state = {k.removeprefix('module.'): v for k, v in checkpoint.get('state_dict', checkpoint).items()}
        teacher = CAMTeacher(load_model(cfg, state, find_classifier(checkpoint)[0]))
        classes = torch.from_numpy(run.predictions.top[indices, 0])
        inputs = [item['inputs'] for item in items]
        alike = len({x.shape for x in inputs}) == 1
        cams = []
        for rows in torch.arange(len(inputs)).split(16 if alike else 1):
            batch = torch.stack([inputs[i] for i in rows])
            cams.extend(resize_cam(teacher(batch, classes[rows]), batch.shape[2:]).numpy())
    except (ValueError, OSError, TypeError, RuntimeError, AttributeError, KeyError):
        return [None] * len(items)
    return [_overlay(image, cam) for image, cam in zip(shown, cams)]


def _overlay(image, cam):
    """The image, dimmed where the map is low and warm where it is high; readable without telling red from green."""
    heat = np.clip(cam, 0, 1)[..., None]
    grey = image.mean(2, keepdims=True) * .55
    warm = np.array([255., 200., 40.])
    return np.clip(grey * (1 - .65 * heat) + warm * .65 * heat, 0, 255).astype(np.uint8)



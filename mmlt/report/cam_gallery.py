"""A gallery of CAM-based sampling: image, class activation map, foreground, result."""
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..core.augment.cam import KINDS, bounding_box, foreground_mask, resize_cam, transform_foreground
from ..core.random import plain_generator
from ..data.labels import class_counts, labels_of
from ..engine.cam import CAMTeacher

INK, FAINT, BOX = '#333333', '#8a8f98', '#f5b700'
PANELS = ('image', 'CAM', 'foreground', 'result')


def from_head_to_tail(dataset, num, seed=0):
    """Indices of ``num`` images of evenly spaced classes, the largest class first; the same for the same seed."""
    labels, counts = np.asarray(labels_of(dataset)), class_counts(dataset)
    classes = np.argsort(-counts, kind='stable')[:np.count_nonzero(counts)]
    rng = np.random.default_rng(seed)
    return [int(rng.choice(np.flatnonzero(labels == c))) for c in classes[np.arange(num) * len(classes) // num]]


def write_gallery(model, dataset, indices, path, ratio=1.0, kinds=KINDS):
    """Write one PNG with four panels an image: the image, its CAM, the foreground in its box, the transformed image.

    Args:
        model: an ``ImageClassifier`` of MMPretrain with a CAM.
        dataset: its images come through its pipeline, as in training; labels are the true ones.
        indices (sequence[int]): images to show.
        path: PNG to write; folders are made.
        ratio (float): foreground is CAM >= ratio * mean(CAM).
        kinds (sequence): transforms to show in turn, names of ``KINDS``.

    Raises:
        ValueError: the model has no CAM, or there is nothing to show.
    """
    if not len(indices):
        raise ValueError('no images to show; pass at least one index')
    teacher, counts = CAMTeacher(model), class_counts(dataset)
    names = getattr(dataset, 'metainfo', {}).get('classes') or range(len(counts))
    texts = [f'{name!s:.24}\nn = {count:,}' for name, count in zip(names, counts)]
    across = 2 if len(indices) > 3 else 1
    rows = _cells(across, -(-len(indices) // across), max(len(line) for text in texts for line in text.split('\n')))
    for i, (row, index, kind) in enumerate(zip(rows, indices, cycle(kinds))):
        item = dataset[index]
        panels = _panels(teacher, item, ratio, kind, plain_generator(i))
        _draw(row, panels, texts[int(item['data_samples'].gt_label)], kind)
        if i < across:
            for axis, title in zip(row, PANELS):
                axis.set_title(title, fontsize=10, color=INK)
    for row in rows[len(indices):]:
        for axis in row:
            axis.axis('off')
    figure = rows[0][0].figure
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.suptitle(f'Foreground = CAM ≥ {ratio:g} · mean, moved over the unchanged image', fontsize=11, color=INK,
                    y=1 - .1 / figure.get_figheight(), va='top')
    figure.savefig(path, dpi=130)


def _cells(across, down, letters):
    """Axes of ``across`` equal halves, a list of rows with four cells of one size, to whose left is room for a name."""
    cell, text = 1.15, .3 + .062 * letters  # inches
    size = np.array([across * (text + 4.3 * cell), down * 1.22 * cell + .75])
    figure = Figure(figsize=size, facecolor='white')
    rows = []
    for i in range(across * down):
        left, bottom = i % across * (text + 4.3 * cell) + text, size[1] - .7 - (i // across * 1.22 + 1) * cell
        rows.append([figure.add_axes([*([left + 1.05 * cell * k, bottom] / size), *(cell / size)]) for k in range(4)])
    return rows


def _panels(teacher, item, ratio, kind, generator):
    """Image and result (H, W, 3) uint8, CAM and mask (H, W), box (x0, y0, x1, y1)."""
    device = teacher.weight.device
    image = item['inputs'][None]
    cam = teacher(image.to(device), item['data_samples'].gt_label.to(device)).cpu()
    cam = resize_cam(cam, image.shape[2:])
    mask = foreground_mask(cam, ratio)
    result = transform_foreground(image, mask, [kind], generator)
    to_rgb = getattr(teacher.data_preprocessor, 'to_rgb', False)
    image, result = (displayable(x[0], to_rgb) for x in (image, result))
    return image, cam[0].numpy(), mask[0].numpy(), bounding_box(mask)[0].tolist(), result


def displayable(image, flip):
    image = image.flip(0) if flip and len(image) == 3 else image
    image = image.expand(3, -1, -1) if len(image) == 1 else image
    return image.clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def _draw(row, panels, text, kind):
    image, cam, mask, (x0, y0, x1, y1), result = panels
    faded = (image * np.where(mask, 1., .3)[..., None] + np.where(mask, 0., 178.)[..., None]).astype(np.uint8)
    for axis, picture in zip(row, (image, image, faded, result)):
        axis.imshow(picture, interpolation='nearest' if len(image) < 96 else 'antialiased')
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    row[1].imshow(cam, cmap='turbo', alpha=.5, vmin=0, vmax=1, interpolation='bilinear')
    row[2].add_patch(Rectangle((x0 - .5, y0 - .5), x1 - x0 + 1, y1 - y0 + 1, fill=False, edgecolor=BOX, linewidth=1.2))
    row[0].set_ylabel(text, fontsize=8, color=INK, rotation=0, ha='right', va='center', labelpad=6)
    row[3].set_xlabel(kind, fontsize=8, color=FAINT, labelpad=2)

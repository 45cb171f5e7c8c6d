"""Labels against features: suspects, overlaps, swallowed classes.  N images, D features, k neighbours, C classes."""
import numpy as np
import torch

from ...core.random import global_seed
from ..progress import silent

MOST, K, FEWEST = 12000, 15, 10
SKILL = .6  # features whose neighbours name fewer labels accuse nobody


def pixel_features(small, dims=48):
    """Small pictures (N, F) -> (N, D): centred, their leading directions, unit length."""
    x = torch.as_tensor(np.asarray(small), dtype=torch.float32)
    x = x - x.mean(1, keepdim=True)
    x = x - x.mean(0)
    with global_seed(0):
        x = x @ torch.pca_lowrank(x, min(dims, *x.shape), center=False)[2]
    return torch.nn.functional.normalize(x, dim=1)


def neighbours(features, k=K):
    """(N, D) unit vectors -> (N, k) indices of the nearest others."""
    k = min(k, len(features) - 1)
    rows = []
    for start in range(0, len(features), 1024):
        similar = features[start:start + 1024] @ features.T
        similar[torch.arange(len(similar)), torch.arange(start, start + len(similar))] = -torch.inf
        rows.append(similar.topk(k).indices)
    return torch.cat(rows).numpy()


def class_evidence(near, labels, num_classes):
    """(N, C): share of an image's neighbours in each class over that class's share of all others, so that a class of
    five weighs as much as one of five thousand."""
    counts = np.bincount(labels, minlength=num_classes).astype(float)
    votes = np.zeros((len(labels), num_classes), np.float32)
    np.add.at(votes, (np.arange(len(labels))[:, None], labels[near]), 1)
    others = np.maximum(counts - (np.arange(num_classes) == labels[:, None]), 1)
    evidence = votes / others
    return votes, evidence / np.maximum(evidence.sum(1, keepdims=True), 1e-12)


def agreement(near, labels, num_classes):
    """The mean over classes of how often the weighted evidence of its neighbours names an image's label."""
    _, evidence = class_evidence(near, labels, num_classes)
    right = evidence.argmax(1) == labels
    counts = np.bincount(labels, minlength=num_classes)
    return float((np.bincount(labels, right, num_classes) / np.maximum(counts, 1))[counts > 0].mean())


def suspects(near, labels, num_classes, share=.6):
    """[(image, class that its neighbours have, evidence)], the surest first.

    An image is suspected if the class-size-weighted evidence for another class is at least ``share`` and 0.5 above that
    for its own, and most of its neighbours are of that class. Images of classes with fewer than 10 images are never
    accused: their kind may simply not be among the neighbours.
    """
    votes, evidence = class_evidence(near, labels, num_classes)
    rows = np.arange(len(labels))
    own = evidence[rows, labels]
    other = evidence.copy()
    other[rows, labels] = 0
    best = other.argmax(1)
    top = other[rows, best]
    enough = np.bincount(labels, minlength=num_classes)[labels] >= FEWEST
    use = enough & (top >= share) & (top - own >= .5) & (votes[rows, best] > near.shape[1] / 2)
    return [(int(i), int(best[i]), float(top[i])) for i in sorted(np.flatnonzero(use), key=lambda i: -top[i])]


def overlaps(near, labels, num_classes, least=.25):
    """[(class a, class b, share)]: of the evidence around a's images, how much speaks for b; both ways averaged."""
    _, evidence = class_evidence(near, labels, num_classes)
    counts = np.bincount(labels, minlength=num_classes)
    mean = np.zeros((num_classes, num_classes))
    np.add.at(mean, labels, evidence)
    mean /= np.maximum(counts, 1)[:, None]
    both = (mean + mean.T) / 2
    a, b = np.triu_indices(num_classes, 1)
    use = (both[a, b] >= least) & (counts[a] > 1) & (counts[b] > 1)
    return sorted(zip(a[use].tolist(), b[use].tolist(), both[a, b][use].tolist()), key=lambda pair: -pair[2])


def swallowed(near, labels, counts, tail, least=.5):
    """[(tail class, larger class, share)]: the share of a tail class's images whose neighbours are mostly of one larger
    class, as plain training will see them."""
    found = []
    votes = np.zeros((len(labels), len(counts)), np.float32)
    np.add.at(votes, (np.arange(len(labels))[:, None], labels[near]), 1)
    winner, most = votes.argmax(1), votes.max(1)
    for c in np.flatnonzero(tail & (counts > 1)):
        mine = labels == c
        taken = winner[mine & (most > near.shape[1] / 2)]
        taken = taken[counts[taken] > counts[c]]
        if len(taken):
            classes, n = np.unique(taken, return_counts=True)
            if n.max() / mine.sum() >= least:
                found.append((int(c), int(classes[n.argmax()]), float(n.max() / mine.sum())))
    return sorted(found, key=lambda row: -row[2])


def backbone_features(split, index, name, seconds=60., progress=silent):
    """(n, D) features of images by a timm model: ``NAME``, or ``NAME=FILE`` with its weights; unit length.

    Raises:
        ValueError: timm is missing or knows no such model, or the weights cannot be had.
    """
    import time

    from ...engine.timm_models import timm_backbone
    name, _, file = name.partition('=')
    try:
        model = timm_backbone(name, file or True)
    except (ValueError, OSError) as error:
        raise ValueError(f'--backbone: {error}'.replace('--weights FILE', 'NAME=FILE')) from None
    import timm
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    begun, rows = time.monotonic(), []
    with torch.inference_mode():
        for start in range(0, len(index), 32):
            spent = time.monotonic() - begun
            if spent > seconds and rows:
                break
            progress('features', min(max(spent / seconds, start / len(index)), 1.))
            batch = torch.stack([transform(split.image(i)) for i in index[start:start + 32]])
            rows.append(model(batch).float())
    return torch.nn.functional.normalize(torch.cat(rows), dim=1)

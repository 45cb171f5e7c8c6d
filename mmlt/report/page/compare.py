"""What of a difference is noise.  M methods, N test images, C classes, B replicates."""
import numpy as np
import torch

from ...core.counts import shot_groups
from ..progress import silent

WORK = 1e8  # hits gathered in all


def groups_of(predictions, untested=False):
    """{'many': mask (C,), ...} of groups that have test images, without their classes that have none unless
    ``untested``; {} without training counts."""
    if predictions.counts is None:
        return {}
    tested = (np.bincount(predictions.label, minlength=len(predictions.classes)) > 0) | untested
    masks = shot_groups(torch.as_tensor(np.asarray(predictions.counts)), predictions.many, predictions.few)
    return {name: mask.numpy() & tested for name, mask in masks.items() if (mask.numpy() & tested).any()}


def tail_of(predictions):
    """Name and mask (C,) of the tail: few-shot classes, else medium-shot ones, else the smallest third."""
    groups = groups_of(predictions)
    for name in ('few', 'medium'):
        if name in groups and not groups[name].all():
            return f'{name}-shot', groups[name]
    counts = predictions.counts
    if counts is None:
        return 'all', np.ones(len(predictions.classes), bool)
    order = np.argsort(counts, kind='stable')
    return 'smallest third', np.isin(np.arange(len(counts)), order[:max(1, len(counts) // 3)])


def step(predictions, mask):
    """By how many points one more right image moves the mean accuracy of a group of classes, at most."""
    images = np.bincount(predictions.label, minlength=len(predictions.classes))[mask]
    return 100 / (len(images) * images.min())


def replicates(hits, labels, num_classes, groups, draws=None, seed=0, progress=silent):
    """Metrics of test sets drawn anew, with the same images for every method.

    Args:
        hits: (M, N) 1 where a method is right, or the share of its seeds that are.
        labels: (N,) true classes.
        groups (dict): name -> mask (C,) of classes.
        draws (int, optional): B; by default 200 to 2,000, as N allows.

    Returns:
        dict[str, ndarray]: name of a group, ``top1`` or ``mean_class`` -> (M, B) in percent. A class that a replicate
        left out is left out of its means.

    Efron, Bootstrap Methods, Annals of Statistics 7(1), 1979.
    """
    hits, labels = np.asarray(hits, np.float64), np.asarray(labels)
    draws = draws or int(np.clip(WORK / hits.size, 200, 2000))
    rng = np.random.default_rng(seed)
    masks = {'mean_class': np.ones(num_classes, bool), **groups}
    results = {name: np.full((len(hits), draws), np.nan) for name in ('top1', *masks)}
    for b in range(draws):
        progress('noise of the test images', (b + 1) / draws)
        rows = rng.integers(0, len(labels), len(labels))
        drawn = labels[rows]
        images = np.bincount(drawn, minlength=num_classes)
        for m, hit in enumerate(hits):
            right = hit[rows]
            results['top1'][m, b] = 100 * right.mean()
            with np.errstate(invalid='ignore'):
                accuracy = 100 * np.bincount(drawn, right, num_classes) / images
            for name, mask in masks.items():
                seen = mask & (images > 0)
                if seen.any():
                    results[name][m, b] = accuracy[seen].mean()
    return results


def differences(methods, groups, num_classes, seed=0, progress=silent):
    """{metric: {method: (difference to the best, low, high)}}: paired bootstrap over test images, 95 %.

    Only methods with predictions of the same labels as the first such method's take part; the interval holds the noise
    of the test images, not that of training anew.
    """
    known = [m for m in methods if m.predictions]
    if not known:
        return {}
    labels = known[0].predictions[0].label
    known = [m for m in known if all(np.array_equal(p.label, labels) for p in m.predictions)]
    hits = [np.mean([p.right for p in m.predictions], 0) for m in known]
    results = {}
    for key, drawn in replicates(hits, labels, num_classes, groups, seed=seed, progress=progress).items():
        means = {m.name: np.mean(m.metric(key)) for m in known if m.metric(key)}
        if len(means) < 2:
            continue
        best = max(means, key=means.get)
        row = [m.name for m in known].index(best)
        results[key] = {m.name: (means[best] - means[m.name], *np.nanquantile(drawn[row] - drawn[i], [.025, .975]))
                        for i, m in enumerate(known) if m.name != best and m.name in means}
    return results

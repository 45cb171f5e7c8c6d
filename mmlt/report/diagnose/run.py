"""The diagnosis from end to end.  C classes."""
import time
from pathlib import Path

import numpy as np
import torch

from ...core.counts import shot_groups
from ..progress import silent
from ..rules import NO_WINNER, NOTHING, Facts, recommend
from .guess import flips_forbidden, groups_of_files
from .images import duplicates, look, odd_sizes
from .labels import MOST, SKILL, agreement, backbone_features, neighbours, overlaps, pixel_features, suspects, swallowed
from .read import read_data
from .recipes import SMALL, write_recipes


def diagnose(path, test=None, backbone=None, no_flip=None, groups=None, out=None, recipes=None, epochs=None, seconds=6.,
             ask=None, progress=silent):
    """What there is to say about a data set.

    Args:
        path (str): of any kind that :func:`~.read.read_data` knows.
        test (str, optional): list of test images beside a training list.
        backbone (str, optional): a timm model, ``NAME`` or ``NAME=FILE``, whose features judge the labels; without it,
            small pictures do.
        no_flip (bool, optional): mirrored images have other labels; None infers it.
        groups (str, optional): regular expression on file names; its first group names what belongs together.
        out (str, optional): the page to write.
        recipes (str, optional): folder for the recommended configs.
        epochs (int, optional): of the trainings to come.
        seconds (float): for opening images.
        ask: a function of a question that answers True or False; without it nothing is asked.
        progress: a function of what is done and which share of it.

    Returns:
        dict: the findings; see the page's template for the keys.
    """
    begun = time.monotonic()
    data = read_data(path, test)
    counts = data.counts
    found = dict(path=str(data.path), kind=data.kind, task=data.task, **numbers(counts), classes=data.classes,
                 counts=counts.tolist())
    found['empty_test'] = [] if data.test is None else _names(
        data, np.flatnonzero((np.bincount(data.test.labels, minlength=len(counts)) == 0) & (counts > 0)))
    found['tests'] = None if data.test is None else len(data.test.labels)
    found['tiny'] = _names(data, np.flatnonzero((counts < 5) & (counts > 0)))
    found['empty'] = _names(data, np.flatnonzero(counts == 0))

    forbidden = flips_forbidden(data.classes, data.path)
    if no_flip is None and ask and data.task == 'cls':
        no_flip = ask(f'Would a mirrored image have another label (signs, text, digits)? '
                      f'{"It seems so: " + forbidden + "." if forbidden else ""}', bool(forbidden))
        forbidden = forbidden or 'you said so'
    elif no_flip is None:
        no_flip = bool(forbidden)
    elif no_flip:
        forbidden = forbidden or '--no-flip'
    found.update(no_flip=no_flip, no_flip_why=forbidden if no_flip else '')
    keys = None
    if data.train is not None and len(data.train.items) and isinstance(data.train.items[0], (str, Path)):
        keys, found['groups'] = groups_of_files([str(p) for p in data.train.items], data.train.labels, groups)

    looked = {name: look(split, seconds * (.65 if name == 'train' else .35), progress=progress)
              for name, split in data.splits.items()}
    found.update(image_findings(data, looked, keys))
    if 'train' in looked and len(looked['train'].index) > 2 * len(counts) ** .5:
        found.update(label_findings(data, looked['train'], backbone, progress))

    sizes = looked['train'].sizes if 'train' in looked else []
    size = int(np.median([max(s) for s in sizes])) if sizes else 224
    epochs = epochs or _epochs(data, size)
    facts = Facts(int(counts.sum()), len(counts), found['largest'], found['smallest'], found['few_share'], data.task,
                  backbone is not None, epochs, not no_flip)
    rules = recommend(facts)
    found.update(rules=rules, facts=facts, nothing=NOTHING if not rules else '', no_winner=NO_WINNER, notes=[])
    folder = Path(recipes) if recipes else Path(out).with_suffix('') if out else Path('work_dirs/diagnosis')
    if rules and (recipes or out):
        found['recipes'], found['notes'] = write_recipes(folder, data, rules, facts, no_flip, size, keys)
    else:
        found['recipes'] = [(rule, []) for rule in rules]
    found['seconds'] = time.monotonic() - begun
    if out:
        from .page import write_page
        write_page(out, found, data)
    return found


def numbers(counts):
    """Size, imbalance, Gini, effective number and groups of training counts (C,).

    The effective number is that of equally large classes with the same entropy, exp(H); Gini is 0 for balanced classes.

    >>> found = numbers(np.array([60, 30, 10]))
    >>> found['imbalance'], round(found['gini'], 3), round(found['effective'], 2)
    (6.0, 0.333, 2.45)
    """
    counts = np.asarray(counts, np.int64)
    present = counts[counts > 0]
    if not len(present):
        raise ValueError('there is no training image')
    share = present / present.sum()
    ranked = np.sort(present)
    n, ranks = len(ranked), np.arange(1, len(ranked) + 1)
    gini = 2 * (ranks * ranked).sum() / (n * ranked.sum()) - (n + 1) / n
    groups = [(name, int(mask.sum()), int(counts[mask.numpy()].sum()))
              for name, mask in shot_groups(torch.as_tensor(counts)).items()]
    return dict(images=int(counts.sum()), num_classes=len(counts), largest=int(present.max()),
                smallest=int(present.min()), imbalance=float(present.max() / present.min()), gini=float(gini),
                effective=float(np.exp(-(share * np.log(share)).sum())),
                groups_table=[(*group, 100 * group[2] / int(counts.sum())) for group in groups],
                few_share=float((present < 20).mean()))


def image_findings(data, looked, keys):
    found = dict(looked={name: (len(part.index) + len(part.broken), part.total) for name, part in looked.items()},
                 broken=[(name, data.splits[name].name(i), why)
                         for name, part in looked.items() for i, why in part.broken],
                 odd=[(name, data.splits[name].name(i), w, h, why) for name, part in looked.items()
                      for i, w, h, why in odd_sizes(part)])
    train, test = looked.get('train'), looked.get('test')
    found['leaks'] = [(data.train.name(i), data.test.name(j), kind, data.classes[data.train.labels[i]],
                       data.classes[data.test.labels[j]], i, j)
                      for i, j, kind in (duplicates(train, test) if train and test else [])]
    found['repeats'] = [(data.train.name(i), data.train.name(j), kind, data.classes[data.train.labels[i]],
                         data.classes[data.train.labels[j]], i, j)
                        for i, j, kind in (duplicates(train) if train else [])
                        if keys is None or keys[i] != keys[j]]
    return found


def label_findings(data, looked, backbone, progress=silent):
    """Suspected labels, overlapping classes and swallowed tail classes among the images that were looked at."""
    rows = list(range(len(looked.index)))[:MOST]
    index = [looked.index[r] for r in rows]
    if backbone:
        features = backbone_features(data.train, index, backbone, progress=progress)
        index = index[:len(features)]
    else:
        features = pixel_features(np.stack([looked.small[r] for r in rows]))
    labels, near, names = data.train.labels[index], neighbours(features), data.classes
    skill = agreement(near, labels, len(names))
    found = dict(features=(f'features of {backbone}' if backbone else 'small pictures') +
                 f', whose neighbours name {100 * skill:.0f} % of the labels', suspects=[], overlaps=[], swallowed=[])
    if skill < SKILL:
        found['features'] += ': too few to suspect any; pass --backbone NAME for better features'
        return found
    tail = data.counts < max(20, np.quantile(data.counts, .34))
    counts = np.where(np.bincount(labels, minlength=len(names)) > 0, data.counts, 0)
    found['suspects'] = [(data.train.name(index[i]), names[labels[i]], names[c], evidence, index[i])
                         for i, c, evidence in suspects(near, labels, len(names))][:60]
    found['overlaps'] = [(names[a], names[b], share) for a, b, share in overlaps(near, labels, len(names))][:12]
    found['swallowed'] = [(names[a], int(counts[a]), names[b], int(counts[b]), share)
                          for a, b, share in swallowed(near, labels, counts, tail)][:20]
    return found


def _epochs(data, size):
    if data.config is not None:
        return int((data.config.get('train_cfg') or {}).get('max_epochs') or 100)
    if size <= SMALL:
        return 45 if data.counts.sum() < 5000 else 200
    return 100


def _names(data, classes):
    return [data.classes[c] for c in classes]

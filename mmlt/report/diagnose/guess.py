"""What labels and file names say about the data: whether flips are allowed, and which images belong together."""
import re
from collections import Counter
from pathlib import Path

WORDS = re.compile(r'(?<![a-z])(left|right|signs?|speed|turn|letter|digit|text|arrow|one|two|three)(?![a-z])', re.I)


def flips_forbidden(classes, path=''):
    """The reason why mirrored images would have other labels, or '' if nothing speaks for it.

    >>> flips_forbidden(list('0123456789'))
    'the classes are the ten digits'
    >>> flips_forbidden(['cat', 'dog'])
    ''
    """
    names = [str(name).strip() for name in classes]
    if sorted(names) == list('0123456789'):
        return 'the classes are the ten digits'
    if len(names) > 1 and all(len(name) == 1 and name.isalnum() for name in names):
        return 'the classes are letters and digits'
    if len(names) == 43 and all(name.isdigit() for name in names):
        return '43 numbered classes are those of the German traffic signs'
    found = Counter(word.lower() for name in [*names, Path(path).name] for word in WORDS.findall(name))
    if found.keys() & {'left', 'right', 'arrow', 'turn'}:
        return f'class names say {" and ".join(sorted(found.keys() & {"left", "right", "arrow", "turn"}))}'
    if found.keys() & {'sign', 'signs', 'letter', 'digit', 'text', 'speed'}:
        return f'names say {" and ".join(sorted(found))}'
    if len(found.keys() & {'one', 'two', 'three'}) >= 2:
        return 'class names are numbers'
    return ''


def groups_of_files(names, labels, pattern=None):
    """A group for each image (tracks, patients) and why, or (None, reason): images of a group belong in one split.

    Without ``pattern`` (a regular expression whose first group names the group), files named ``<group>_<number>`` count
    as grouped where a class has several groups and most groups have several images.
    """
    regex = re.compile(pattern or r'^(.*?)[_-]\d+(?:\.\w+)*$')
    found = [regex.search(Path(name).name) for name in names]
    if pattern and not all(found):
        raise ValueError(f'--groups {pattern} matches {sum(map(bool, found))} of {len(found)} file names; the first '
                         f'that it does not is {names[[bool(m) for m in found].index(False)]}')
    if not found or sum(map(bool, found)) < .95 * len(found):
        return None, 'file names show no groups'
    keys = [(int(label), match[1] if match else name) for name, label, match in zip(names, labels, found)]
    keys = [key[1] for key in keys] if pattern else keys
    sizes = Counter(keys)
    per_class = len(sizes) / max(len(set(labels.tolist())), 1)
    several = sum(n for n in sizes.values() if n > 1) / len(keys)
    if pattern or (per_class >= 2 and several > .5):
        index = {key: i for i, key in enumerate(sizes)}
        return [index[key] for key in keys], f'{len(sizes):,} groups, {len(keys) / len(sizes):.1f} images a group'
    return None, 'file names show no groups'


def held_out(labels, groups=None, share=.2, seed=0):
    """Indices to hold out of training: about ``share`` of each class, whole groups, at least one image of each class
    that keeps one.

    Args:
        labels: (N,) classes.
        groups: (N,) or None.
    """
    import numpy as np
    rng, out, taken = np.random.default_rng(seed), [], set()
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    for c in np.unique(labels):
        mine = np.flatnonzero(labels == c)
        keys = rng.permutation(np.unique(groups[mine]))
        want, got = max(1, round(share * len(mine))), sum(g in taken for g in groups[mine])
        free = [key for key in keys if key not in taken]
        for key in free[:len(free) - 1]:  # one group stays in training
            if got >= want:
                break
            taken.add(key)
            got += int((groups[mine] == key).sum())
    out = np.flatnonzero(np.isin(groups, list(taken)))
    return out

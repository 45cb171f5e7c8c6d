"""What labels and file names say about the data: whether flips are allowed, and which images belong together."""
import re
from collections import Counter
from pathlib import Path

from ...data.split import read_groups

WORDS = re.compile(r'(?<![a-z])(left|right|signs?|speed|turn|letter|digit|text|arrow|one|two|three)(?![a-z])', re.I)
NUMBERED = re.compile(r'(.*?)[_-]\d+(?:\.\w+)*$')


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
    """A group for each image (tracks, patients) and what was found, or (None, reason): a group belongs in one split.

    Without ``pattern``, a regular expression for :func:`~mmlt.data.split.read_groups`, files named ``<group>_<number>``
    count as grouped where a class has several groups and most images are of groups that have several.
    """
    if pattern:
        keys = read_groups(names, pattern).tolist()
    else:
        found = [NUMBERED.match(Path(name).name) for name in names]
        if not found or sum(map(bool, found)) < .95 * len(found):
            return None, 'file names show no groups'
        keys = [(int(label), match[1] if match else name) for name, label, match in zip(names, labels, found)]
    sizes = Counter(keys)
    several = sum(n for n in sizes.values() if n > 1) / len(keys)
    if not pattern and (len(sizes) < 2 * len(set(labels.tolist())) or several <= .5):
        return None, 'file names show no groups'
    index = {key: i for i, key in enumerate(sizes)}
    return [index[key] for key in keys], f'{len(sizes):,} groups, {len(keys) / len(sizes):.1f} images a group'

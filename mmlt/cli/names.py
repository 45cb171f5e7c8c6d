"""What data configs and methods there are, read from their files without building anything."""
import ast
import re
from pathlib import Path
from typing import NamedTuple

SOURCE = re.compile(r'(?:[A-Z][\w-]+ (?:et al\.|and [A-Z][\w-]+), [^.]*?20\d\d)?(?:(?:, )?arXiv:\d{4}\.\d{4,5})?')
# the classes that say what kind of method an overlay is, before its keys
CLASSES = ((re.compile('Branch|Contrast|GLMC|GML|ProCo|SupCon|MultiView'), 'contrast'),
           (re.compile('Expert|RIDE|SADE|BalPoE|DiVE|CBD|Distill'), 'experts'),
           (re.compile('FastLoader|RotationPretrain|FixMatch|SAMOptim'), 'training'))
# the keys that say what kind of method an overlay is, the first that applies
FAMILIES = (('load_from', 'second stage'), ('cam', 'augmentation'), ('augments', 'augmentation'),
            ('batch_augments', 'augmentation'), ('sampler', 'sampler'), ('classifier', 'classifier'),
            ('loss', 'loss'), ('hooks', 'schedule'), ('init_cfg', 'training'))


class Method(NamedTuple):
    """An overlay: its name, first comment, paper, family, and file."""
    name: str
    text: str
    paper: str
    family: str
    path: Path


def folder():
    from mmlt.engine.overlays.files import root
    return root()


def configs():
    """{name: (first comment, file)} of the data configs."""
    found = {}
    for path in sorted((folder() / 'data').glob('*.py')):
        base = re.search(r"'([^']*/datasets/[^']*)'", path.read_text())
        found[path.stem] = comment(path) or comment(path.parent / base[1]) if base else comment(path), path
    return found


def methods(task=''):
    """{name: :class:`Method`} of the overlays for classification, or of ``task`` det or seg."""
    found = {}
    for path in sorted((folder() / task / 'methods').glob('*.py')):
        if path.name[0] != '_':
            text = comment(path)
            paper = max((m[0] for m in SOURCE.finditer(text)), key=len, default='')
            found[path.stem] = Method(path.stem, text, paper.strip(' ,'), family(path), path)
    return found


def comment(path):
    """The comment at the top of a file, or after the line of its base."""
    lines = []
    for line in path.read_text().splitlines():
        if line.startswith('_base_ = ') and not lines:
            continue
        if not line.startswith('#'):
            break
        lines.append(line.lstrip('# '))
    return ' '.join(lines)


def family(path):
    """What kind of method an overlay is, by the classes it uses and the keys it sets."""
    text = path.read_text()
    if re.search(r'adapter|vit_base', text):
        return 'foundation'
    used = ' '.join(parts(path))
    for pattern, name in CLASSES:
        if pattern.search(used):
            return name
    keys = {node.arg for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.keyword)}
    keys |= {target.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assign)
             for target in node.targets if isinstance(target, ast.Name)}
    return next((name for key, name in FAMILIES if key in keys), 'other')


def parts(path):
    """Names of the classes that an overlay uses, in order."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == 'type' and isinstance(node.value, ast.Constant):
            found.append(node.value.value)
    return list(dict.fromkeys(found))

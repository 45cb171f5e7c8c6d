"""What data configs and methods there are, read from their files without building anything."""
import ast
import re
from pathlib import Path
from typing import NamedTuple

ARXIV = r'(?:arXiv:)?(\d{4}\.\d{4,5})'
SOURCE = re.compile(r"mmlt's own(?:, after [^.:]*)?|[A-Z][\w-]+(?: [A-Z][\w-]+)? (?:et al\.|(?:and|&) [A-Z][\w-]+)"
                    rf"(?:, [^.:]*?[12]\d{{3}}\b(?!\.\d))?(?:, {ARXIV})?")
# the classes that say what kind of method an overlay is, before its keys
CLASSES = ((re.compile('Branch|Contrast|GLMC|GML|ProCo|SupCon|MultiView'), 'contrast'),
           (re.compile('Expert|RIDE|SADE|BalPoE|DiVE|CBD|Distill'), 'experts'),
           (re.compile('FastLoader|RotationPretrain|SimSiam|MoCo|FixMatch|SAMOptim|EMAHook'), 'training'),
           (re.compile('ClassWiseAugment'), 'augmentation'), (re.compile('FractalCalibration'), 'second stage'))
# the keys that say what kind of method an overlay is, the first that applies
FAMILIES = (('load_from', 'second stage'), ('cam', 'augmentation'), ('augments', 'augmentation'),
            ('batch_augments', 'augmentation'), ('sampler', 'sampler'), ('classifier', 'classifier'),
            ('cls_predictor_cfg', 'classifier'), ('loss', 'loss'), ('loss_cls', 'loss'), ('loss_decode', 'loss'),
            ('oversample_thr', 'sampler'), ('logit_adjust', 'second stage'), ('hooks', 'schedule'),
            ('init_cfg', 'training'))
# seconds of a whole training against cross entropy, by the passes that a step makes: by family, then by method
COSTS = {'sampler': 'that of cross entropy', 'loss': 'that of cross entropy, or little more',
         'classifier': 'that of cross entropy, or little more', 'second stage': 'a short second run',
         'schedule': 'that of cross entropy', 'augmentation': '1.0 to 1.3 times cross entropy',
         'contrast': 'about 2 times, two views of an image', 'experts': '1.5 to 2 times, three experts',
         'training': 'up to 2 times, two passes a step', 'foundation': '10 epochs of a large model'}
OWN_COSTS = {
    'bbn': 'about 2 times, two images a step', 'bcl': 'about 3 times, three views of an image',
    'gml': 'about 3 times, three views of an image, after the teacher', 'gml_teacher': 'a deeper network',
    'proco': 'about 3 times, three views of an image',
    'm2m': 'a plain run first, then up to 10 gradient steps for each new image',
    'cbd': 'a plain run first, then one with its forward passes',
    'dive': 'a run of balanced softmax first, then one with its forward passes', 'ride_router': 'a short second run',
    'rotation': 'a run of its own on rotated images', 'ssp': 'that of cross entropy, after the first run',
    'cuda': '1.5 to 3 times: every epoch tests the classes', 'simsiam': 'a run of its own, two views of an image',
    'mocov3': 'a run of its own, four passes of an image',
    'fast': 'less: no workers, no decoding', 'crest': '65,536 steps a generation, labelled and unlabelled images',
    'tau_norm': 'none, a trained model is adjusted', 'ncm': 'one pass over the training images',
    'seg/posthoc': 'none, a trained model is adjusted', 'seg/bcl': 'cross entropy and a contrast of pixels',
    'seg/gml': 'cross entropy and a contrast of pixels', 'det/rfs': 'longer epochs', 'det/irfs': 'longer epochs',
    'det/fracal': 'none, a trained model is adjusted',
    'lift_plus': '5 epochs of a large model', 'linear_probe': '10 epochs, forward passes of the backbone alone',
    'classifier_only+la': '10 epochs, forward passes of the backbone alone',
    'vit_b16_clip': 'that of the larger backbone',
    'five_crop': 'five passes at test', 'ema': 'that of cross entropy'}


class Method(NamedTuple):
    """An overlay: its name, first comment, paper, family, cost against cross entropy, and file."""
    name: str
    text: str
    paper: str
    family: str
    cost: str
    path: Path


def folder():
    from mmlt.folders import root
    return root()


def configs():
    """{name: (first comment, file)} of the data configs."""
    found = {}
    for path in sorted((folder() / 'data').glob('*.py')):
        base = re.search(r"'([^']*/datasets/[^']*)'", path.read_text())
        found[path.stem] = comment(path) or comment(path.parent / base[1]) if base else comment(path), path
    return found


def methods(task='', root=None):
    """{name: :class:`Method`} of the overlays for classification, or of ``task`` det or seg; one that stands on another
    has its family and paper."""
    found = {}
    for path in sorted(((root or folder()) / task / 'methods').glob('*.py')):
        if path.name[0] != '_':
            text, kind = comment(path), family(path)
            source = paper(text)
            if base := re.search(r"^_base_ = '([^']*)'", path.read_text(), re.M):
                parent = path.parent / base[1]
                source = source or paper(comment(parent))
                kind = family(parent) if kind == 'other' else kind
            cost = OWN_COSTS.get(f'{task}/{path.stem}'.strip('/')) or COSTS.get(kind, '')
            found[path.stem] = Method(path.stem, text, source, kind, cost, path)
    return found


def paper(text):
    """The source that a comment names: authors, venue, year and arXiv id; '' without one.

    >>> paper('Driven apart. Wang et al., ICLR 2021, 2010.01809.')
    'Wang et al., ICLR 2021, arXiv:2010.01809'
    """
    found = max((match[0] for match in SOURCE.finditer(text)), key=len, default='')
    return re.sub(ARXIV, r'arXiv:\1', found)


def results(text):
    """{method: mean-class accuracy on the mini pack} of the text of docs/results.md."""
    part = text[text.find('## The trick gallery, mini pack'):text.find('## MiSLAS, mini pack')]
    found = dict(re.findall(r'^\| `([\w-]+)` \| \d \| \**([\d.]+(?: ± [\d.]+)?)', part, flags=re.M))
    return {**found, **({'cam_bs': found['cam_bs_cb'], 'drs': found['drs_cb']} if 'drs_cb' in found else {})}


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
    if re.search(r'adapter|vit_base|FiveCrop', text):
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

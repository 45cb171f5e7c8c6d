"""What data configs and methods there are, read from their files without building anything."""
import ast
import json
import re
import statistics
from pathlib import Path
from typing import NamedTuple

ARXIV = r'(?:arXiv:)?(\d{4}\.\d{4,5})'
SOURCE = re.compile(r"mmlt's own(?:, after [^.:]*(?::\d{4}\.\d{4,5})?)?|"
                    r"[A-Z][\w-]+(?: [A-Z][\w-]+)? (?:et al\.|(?:and|&) [A-Z][\w-]+)"
                    rf"(?:, [^.:]*?[12]\d{{3}}\b(?!\.\d))?(?:, {ARXIV})?")
# the classes that say what kind of method an overlay is, before its keys
CLASSES = ((re.compile('BatchFormer|Branch|Contrast|KPositive|GLMC|GML|PaCo|ProCo|SupCon|MultiView'), 'contrast'),
           (re.compile('Expert|Residual|RIDE|SADE|BalPoE|NCL|DiVE|BKD|CBD|Distill'), 'experts'),
           (re.compile('FastLoader|RotationPretrain|SimSiam|MoCo|FixMatch|SAMOptim|EMAHook'), 'training'),
           (re.compile('ClassWiseAugment|RSG'), 'augmentation'), (re.compile('FractalCalibration'), 'second stage'))
# the keys that say what kind of method an overlay is, the first that applies
FAMILIES = (('load_from', 'second stage'), ('cam', 'augmentation'), ('augments', 'augmentation'),
            ('batch_augments', 'augmentation'), ('sampler', 'sampler'), ('loss', 'loss'), ('loss_cls', 'loss'),
            ('loss_decode', 'loss'), ('classifier', 'classifier'), ('cls_predictor_cfg', 'classifier'),
            ('oversample_thr', 'sampler'), ('logit_adjust', 'second stage'), ('hooks', 'schedule'),
            ('init_cfg', 'training'), ('runner_type', 'training'))
OWN_FAMILIES = {'autoaugment': 'augmentation', 'gml_teacher': 'contrast', 'crt-one_run': 'second stage', 'gcl': 'loss',
                'ssp': 'training'}
# what no ratio of one run to another says; the others are measured, see costs()
COSTS = {'second stage': 'a short second run', 'schedule': 'that of cross entropy',
         'foundation': '10 epochs of a large model'}
OWN_COSTS = {
    'gml': 'a run of its teacher first, then three views of an image', 'gml_teacher': 'that of a deeper network',
    'gml_again': 'a run of gml_alone first, then three views of an image',
    'crt-one_run': 'ten more epochs', 'focal_sam': 'up to 2 times CE, two passes a step',
    'tsc': 'a run of kcl first, then its cost again', 'rsg': 'twice CE, for the network of pairs',
    'dro_lt': 'a plain run first, then half as many epochs',
    'meta_weight': '3.8 times CE, three more passes a step',
    'm2m': 'a plain run first, then up to 10 gradient steps for each new image',
    'cbd': 'a plain run first, then one with its forward passes',
    'gcl_classifier': 'a run of gcl first, then 30 epochs',
    'bkd': 'a plain run first, then one with its forward passes',
    'xerm': 'a plain run first, then one with its forward passes',
    'dive': 'a run of balanced softmax first, then one with its forward passes', 'ride_router': 'a short second run',
    'ride_teacher': '2 to 3 times, six experts',
    'ride_distill': 'a run of ride_teacher first, then one with its forward passes',
    'lfme': 'runs of the three experts first, then one with their forward passes',
    'rotation': 'a run of its own on rotated images', 'ssp': 'that of cross entropy, after the first run',
    'cuda': '1.5 to 3 times: every epoch tests the classes', 'simsiam': 'a run of its own, two views of an image',
    'mocov3': 'a run of its own, four passes of an image',
    'crest': '65,536 steps a generation, labelled and unlabelled images',
    'tau_norm': 'none, a trained model is adjusted', 'ncm': 'one pass over the training images',
    'seg/posthoc': 'none, a trained model is adjusted', 'seg/bcl': 'cross entropy and a contrast of pixels',
    'seg/gml': 'cross entropy and a contrast of pixels', 'det/rfs': 'longer epochs', 'det/irfs': 'longer epochs',
    'det/fracal': 'none, a trained model is adjusted',
    'lift_plus': '5 epochs of a large model', 'linear_probe': '10 epochs, forward passes of the backbone alone',
    'classifier_only+la': '10 epochs, forward passes of the backbone alone',
    'vit_b16_clip': 'that of the larger backbone',
    'five_crop': 'five passes at test', 'autoaugment': 'that of cross entropy', 'ema': 'that of cross entropy',
    'fsdp': 'that of DDP, and sending weights'}


# names in the tables, and methods that stand there by their name in the gallery
NAMES = {'CE': 'ce', 'joint': 'ce', 'CB sampling': 'cb_sampling', 'tau-norm': 'tau_norm',
         'logit adjustment': 'logit_adjust (refit)', 'ce + logit_adjust': 'logit_adjust (refit)'}
TWINS = {'cam_bs': 'cam_bs_cb', 'drs': 'drs_cb'}
GALLERY_TWINS = {'ce', *TWINS.values()}


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
    root, found = root or folder(), {}
    known = costs(root.parent)
    files = sorted((root / task / 'methods').glob('*.py'))
    names = {path.stem for path in files} | GALLERY_TWINS
    gallery = sorted((root / task / 'methods/gallery').glob('*.py'))
    for path in [*files, *(path for path in gallery if path.stem not in names)]:
        if path.name[0] != '_':
            text, kind = comment(path), OWN_FAMILIES.get(path.stem) or family(path)
            source = paper(text)
            if base := re.search(r"^_base_ = '([^']*)'", path.read_text(), re.M):
                parent = path.parent / base[1]
                source = source or paper(comment(parent))
                if kind == 'other' or family(parent) in ('second stage', 'augmentation'):
                    kind = family(parent)
            name = path.stem if path in files else f'gallery/{path.stem}'
            found[name] = Method(name, text, source, kind, '', path)
    spans = {}
    for method in (found if not task else methods(root=root)).values():
        if method.name in known and method.name not in OWN_COSTS:  # which says why it is no measure for others
            spans.setdefault(method.family, []).append(known[method.name])
    return {name: method._replace(cost=_cost(method, task, known, spans)) for name, method in found.items()}


def _cost(method, task, known, spans):
    own = OWN_COSTS.get(f'{task}/{method.name}'.strip('/'))
    if not task and method.name in known:
        return f'{known[method.name]:.1f} times CE'
    if own or method.family in COSTS:
        return own or COSTS[method.family]
    span = spans.get(method.family)
    low, high = (f'{end(span):.1f}' for end in (min, max)) if span else ('', '')
    where = ' in classification' if task else ''
    return 'not measured' if not span else f'{"about " + low if low == high else low + " to " + high} times CE{where}'


def costs(root):
    """{method: CPU time of a whole training over that of cross entropy}, as benchmarks/methods.py measured it."""
    file = root / 'benchmarks/results/speed.json'
    rows = json.loads(file.read_text())['rows'] if file.is_file() else []
    return {row['what']: row['value'] for row in rows if row['benchmark'] == 'methods'}


def paper(text):
    """The source that a comment names: authors, venue, year and arXiv id; '' without one.

    >>> paper('Driven apart. Wang et al., ICLR 2021, 2010.01809.')
    'Wang et al., ICLR 2021, arXiv:2010.01809'
    """
    found = max((match[0] for match in SOURCE.finditer(text)), key=len, default='')
    return re.sub(ARXIV, r'arXiv:\1', found)


def results(root):
    """{method: {data: mean-class accuracy in percent, '61.13 ± 0.65'}} of all that was trained here: the tables of
    docs/results.md, whose headings end in the name of the data, and the runs of benchmarks/results/*.json; the first of
    several, or the first of several seeds."""
    found, data, column = {}, '', None

    def keep(name, value):
        row = found.setdefault(name, {})
        if data not in row or ('±' in value and '±' not in row[data]):
            row[data] = value

    file = root / 'docs/results.md'
    for line in file.read_text().splitlines() if file.is_file() else []:
        cells = [cell.strip(' *') for cell in line.split('|')[1:-1]]
        if line.startswith('#'):
            data = line.lstrip('# ').rpartition(', ')[2]
        if not cells:
            column = None
        elif column is None:
            column = cells.index('mean-class') if 'mean-class' in cells else -1
        elif column > 0 and re.match(r'\d', cells[column]):
            name = re.sub(r'^\d, |`', '', cells[0])
            name = NAMES.get(name, name.lower().replace('-', '_') if '`' not in cells[0] else name)
            keep(name, cells[column])
    for file in sorted((root / 'benchmarks/results').glob('*.json')):
        content, values = json.loads(file.read_text()), {}
        data = content.get('title', '').rpartition(', ')[2]
        for run in content.get('runs', []):
            metrics = run.get('metrics', {})
            if value := metrics.get('lt/mean_class', metrics.get('lt/top1')):
                name = NAMES.get(run['method'], run['method'].removeprefix('ce + '))  # a second stage of it
                values.setdefault(name, []).append(value)
        for name, seeds in values.items():
            spread = f' ± {statistics.stdev(seeds):.2f}' if len(seeds) > 1 else ''
            keep(name, f'{statistics.fmean(seeds):.2f}{spread}')
    return {**found, **{name: found[twin] for name, twin in TWINS.items() if twin in found}}


def evidence(method, found):
    """'59.40 on mini pack (CE 53.90 ± 1.47)' of a method in what :func:`results` found, '' without any."""
    own, plain = found.get(method.removeprefix('gallery/'), {}), found.get('ce', {})
    return '; '.join(f'{value} on {data}' + (f' (CE {plain[data]})' if data in plain and method != 'ce' else '')
                     for data, value in own.items())


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

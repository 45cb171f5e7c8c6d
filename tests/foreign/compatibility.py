"""What mmlt does with the configs inside the installed frameworks and with timm's models.

    python tests/foreign/compatibility.py --out docs/compatibility.md

A case is one config a folder of a framework, or one model a module of timm, built on the meta device (no memory for
weights) where that works, else on the CPU. An attempt either works or is refused: mmlt raises a ValueError or TypeError
that says why. Anything else is a failure.
"""
import argparse
import os
import re
import warnings
from collections import Counter
from copy import deepcopy
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import torch

from mmlt import swap_classifier

os.environ.setdefault('HF_HUB_OFFLINE', '1')
FRAMEWORKS = {'mmpretrain': 'MMPretrain', 'mmdet': 'MMDetection', 'mmseg': 'MMSegmentation', 'timm': 'timm'}
CLASSIFIERS = (r'fc_cls$', r'conv_seg$', r'^head\.(.*\.)?(fc|head)$', r'^head\.',
               r'\.(conv_cls|cls_logits|cls_embed|\w+_cls)(\.\d+)?$', r'\.cls_branches\.\d+$',
               r'^backbone\.(fc|classifier(\.\d+)?)$')
NOT_CLASSIFIERS = r'rpn_head|_reg|\.loss'
LOSS = {'mmpretrain': 'LogitAdjustLoss', 'mmdet': 'BalancedSoftmaxLoss', 'mmseg': 'LogitAdjustLoss'}
PLACE = {'mmpretrain': ('head', 'loss'), 'mmdet': ('roi_head', 'bbox_head', 'loss_cls'),
         'mmseg': ('decode_head', 'loss_decode')}


class Skip(Exception):
    """The framework itself does not build the case here, or it has no such part."""


def cases(framework):
    """Names of the cases of an installed framework."""
    if find_spec(framework) is None:
        return []
    if framework == 'timm':
        timm = import_module('timm')
        return [models[0] for module in timm.list_modules() if (models := timm.list_models(module=module))]
    root = Path(import_module(framework).__file__).parent / '.mim/configs'
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != '_')
    return [str(files[0].relative_to(root)) for folder in folders if (files := sorted(folder.glob('*.py')))]


def load(framework, case):
    """The model's config; for timm the name."""
    if framework == 'timm':
        return case
    from mmengine.config import Config
    root = Path(import_module(framework).__file__).parent / '.mim/configs'
    try:
        model = Config.fromfile(root / case, import_custom_modules=False)['model']
    except Exception as error:
        raise Skip(f'{type(error).__name__}: {error}') from None
    _drop(model, ('pretrained', 'init_cfg'))
    return model


def build(framework, cfg, device='meta'):
    """The model, without memory for weights on the meta device."""
    offline = patch('torch.hub.download_url_to_file', side_effect=OSError('no downloads here'))
    with torch.device(device), warnings.catch_warnings(), offline:
        warnings.simplefilter('ignore')
        if framework == 'timm':
            return import_module('timm').create_model(cfg)
        from mmengine.registry import DefaultScope
        registry = import_module(f'{framework}.registry')
        import_module(f'{framework}.models')
        with DefaultScope.overwrite_default_scope(framework):
            return registry.MODELS.build(cfg)


def attempt(framework, case):
    """-> {'swap': outcome, 'loss': outcome, 'load': outcome}; an outcome is 'works', 'refused: ...' or 'no such ...'.

    Raises:
        Skip: the framework cannot build the case.
    """
    cfg = load(framework, case)
    model, device = _first_that_builds(framework, cfg)
    try:
        return _attempt(framework, cfg, model, device)
    except RuntimeError as error:
        if device == 'cpu' or 'meta tensors' not in str(error):  # a layer of the framework that reads its values
            raise
        return _attempt(framework, cfg, build(framework, deepcopy(cfg), 'cpu'), 'cpu')


def _attempt(framework, cfg, model, device):
    if any(base.__name__ == 'BaseSelfSupervisor' for base in type(model).__mro__):
        return dict(swap='no such layer', loss='no such loss')
    out, state = {}, model.state_dict()
    names = [name for name, m in model.named_modules() if hasattr(m, 'in_features') or hasattr(m, 'kernel_size')]
    path = None
    if framework != 'timm':
        found = (name for pattern in CLASSIFIERS for name in reversed(names)
                 if re.search(pattern, name) and not re.search(NOT_CLASSIFIERS, name))
        path = next(found, None)
    out['swap'] = 'no such layer'
    if path or framework == 'timm':
        out['swap'] = _outcome(lambda: swap_classifier(model, 'CosineLinear', path))
    if out['swap'] == 'works':
        out['load'] = _outcome(lambda: model.load_state_dict(state))
    if framework in LOSS:
        out['loss'] = _loss(framework, deepcopy(cfg), device)
    return out


def _first_that_builds(framework, cfg):
    for device in ('meta', 'cpu'):
        try:
            return build(framework, deepcopy(cfg), device), device
        except Exception as error:
            reason = f'{type(error).__name__}: {error}'
    raise Skip(reason)


def _loss(framework, cfg, device):
    *parents, key = PLACE[framework]
    part = cfg
    for name in parents:
        part = part.get(name) if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(part.get(key), dict):
        return 'no such loss'
    classes = part.get('num_classes', 1000)
    part[key] = dict(type=LOSS[framework], class_counts=list(range(classes + 1, 1, -1)))
    return _outcome(lambda: build(framework, cfg, device))


def _outcome(function):
    try:
        function()
    except (ValueError, TypeError, RuntimeError, AttributeError) as error:
        frame = error.__traceback__
        files = []
        while frame:
            files.append(frame.tb_frame.f_code.co_filename)
            frame = frame.tb_next
        ours = any('/mmlt/' in name for name in files[1:]) or 'unexpected keyword' in str(error)
        if isinstance(error, RuntimeError) or 'object has no attribute' in str(error) or not ours:
            raise
        return f'refused: {error}'
    return 'works'


def _drop(part, keys):
    if isinstance(part, dict):
        for key in keys:
            if part.get(key) is not None:
                part[key] = None
        for value in part.values():
            _drop(value, keys)
    elif isinstance(part, (list, tuple)):
        for value in part:
            _drop(value, keys)


def survey(framework):
    """Outcomes of all cases: {'swap': Counter, ...}, reasons, cases that the framework does not build."""
    counts, reasons, skipped, failed = {}, Counter(), 0, []
    for case in cases(framework):
        try:
            outcomes = attempt(framework, case)
        except Skip:
            skipped += 1
            continue
        except Exception as error:
            failed.append(f'{case}: {type(error).__name__}: {error}')
            continue
        for name, outcome in outcomes.items():
            counts.setdefault(name, Counter())[outcome.split(':')[0]] += 1
            if outcome.startswith('refused'):
                reasons[name, re.sub(r'^.* is (\w+)\(.*', r'\1', outcome.splitlines()[0])[:110]] += 1
    return counts, reasons, skipped, failed


def table(surveys):
    """Markdown."""
    lines = ['| framework | cases | swapped to `CosineLinear` | loss replaced | first stage loads strictly | '
             'not built here | failed |', '|---|---|---|---|---|---|---|']
    for framework, (counts, _, skipped, failed) in surveys.items():
        cells = []
        for name in ('swap', 'loss', 'load'):
            count = counts.get(name, {})
            none = sum(count.values()) - count.get('works', 0) - count.get('refused', 0)
            text = f'{count.get("works", 0)} work, {count.get("refused", 0)} refused'
            text += f', {none} have none' if none else ''
            cells.append(text if count else '')
        total = sum(counts.get('swap', {}).values()) + skipped + len(failed)
        lines.append(f'| {FRAMEWORKS[framework]} | {total} | {" | ".join(cells)} | {skipped} | {len(failed)} |')
    return '\n'.join(lines)


HEAD = """# What mmlt works with

Made by `python tests/foreign/compatibility.py --out docs/compatibility.md`: one config of each folder inside the
installed frameworks and one model of each module of timm, built on the meta device where that works. A refusal is an
error of mmlt that names the reason. "Not built here" are cases that the framework itself does not build in this
environment (missing packages or files). "Have none": self-supervised training and backbones alone have no classifier;
a loss is replaced where the config has a classification loss in `head`, `roi_head.bbox_head` or `decode_head`, and
dense detectors have none there.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path)
    parser.add_argument('--frameworks', nargs='+', default=list(FRAMEWORKS), choices=list(FRAMEWORKS))
    args = parser.parse_args()
    surveys = {name: survey(name) for name in args.frameworks}
    text = f'{HEAD}\n{table(surveys)}\n'
    for name, (_, reasons, _, failed) in surveys.items():
        if reasons or failed:
            text += f'\n## {FRAMEWORKS[name]}\n\n'
            text += ''.join(f'- {part}, {count} times: {reason}\n' for (part, reason), count in reasons.most_common(12))
            text += ''.join(f'- failed: {line}\n' for line in failed)
    if args.out:
        args.out.write_text(text)
    print(text)


if __name__ == '__main__':
    main()

"""The recommended recipes as files that are ready to run."""
import pprint
from pathlib import Path

from ...core.augment.cam import KINDS
from ...core.files import write_text
from ...data.split import hold_out

SMALL = 64  # pixels: below, CIFAR's networks and crops


def write_recipes(out, data, rules, facts, no_flip, size, groups=None):
    """Write OUT/data.py and an overlay a rule; returns [(rule, [command, ...])] and the lines that tell what was left
    out.

    ``data.py`` is a whole config of the data with plain cross entropy: it depends on no other file. Where the data have
    no test images, lists of a split are written beside it, groups kept whole.
    """
    out = Path(out)
    notes, rows = [], []
    config = write_data(out, data, facts, no_flip, size, groups, notes) if data.splits or data.config else None
    name = str(config) if config else 'DATA.py'
    for i, rule in enumerate(rules, 1):
        if rule.refit:
            last = f'{out / "ce"}/epoch_{facts.epochs}.pth'
            rows.append((rule, [f'mmlt train {name} --work-dir {out / "ce"}',
                                f'mmlt refit {name} {last} --methods {" ".join(rule.refit)} '
                                f'--out {out / "refit"}']))
            continue
        files = []
        for method in filter(None, (rule.teacher, *rule.overlays)):
            overlay = overlay_of(method, data.task)
            if overlay is None:
                notes.append(f'{rule.name}: no overlay {method} is installed')
                files.append(method)
                continue
            if rule.needs_cam and no_flip:
                overlay = without_flips(overlay)
            file = out / f'{i}_{method}.py'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f'# {rule.name}: {rule.reason}\n' + _dump(overlay))
            files.append(str(file))
        commands = []
        if rule.teacher:
            first = out / rule.teacher
            commands.append(f'mmlt train {name} {files.pop(0)} --work-dir {first}')
        commands.append(f'mmlt train {name} {" ".join(files)} --work-dir {out / rule.overlays[0]}')
        if rule.teacher:
            commands[-1] += f' --cfg-options model.teacher.checkpoint={first}/epoch_{facts.epochs}.pth'
        rows.append((rule, commands))
    return rows, notes


def overlay_of(method, task='cls'):
    """The content of a method's overlay, None if there is none."""
    from mmengine.config import Config

    from ...engine.overlays.files import find_overlay
    scope = dict(det='mmdet', seg='mmseg').get(task, 'mmpretrain')
    try:
        overlay = Config.fromfile(find_overlay(method, scope)).to_dict()
    except FileNotFoundError:
        return None
    overlay.pop('tuned', None)
    return overlay


def without_flips(node):
    """A config without mirroring: no RandomFlip in a pipeline, and CAM foregrounds that are not flipped."""
    if isinstance(node, dict):
        node = {key: without_flips(value) for key, value in node.items()}
        if isinstance(node.get('cam'), dict):
            node['cam'] = {'kinds': tuple(k for k in node['cam'].get('kinds', KINDS) if k != 'flip'),
                           **{k: v for k, v in node['cam'].items() if k != 'kinds'}}
        return node
    if isinstance(node, (list, tuple)):
        return type(node)(without_flips(x) for x in node if not (isinstance(x, dict) and 'Flip' in str(x.get('type'))))
    return node


def write_data(out, data, facts, no_flip, size, groups, notes):
    """OUT/data.py: a classification config of the data; a config that was given is taken as it is."""
    out.mkdir(parents=True, exist_ok=True)
    if data.config is not None:
        cfg = data.config
    else:
        cfg = _read('cifar10_lt_mini' if size <= SMALL else 'folder_lt')
        cfg.pop('stages_at', None)
        _fill(cfg, out, data, size, groups, notes)
        if size <= SMALL and facts.epochs != 45:
            schedule = _read('cifar10_lt')
            cfg.update({key: schedule[key] for key in ('optim_wrapper', 'param_scheduler', 'train_cfg')})
            cfg['train_dataloader']['batch_size'] = 128
    if no_flip:
        cfg = without_flips(cfg)
    file = out / 'data.py'
    file.write_text(f'# {data.path}, plain cross entropy; written by mmlt diagnose\n' + _dump(cfg))
    return file


def _read(name):
    """One of our data configs, without the imports that it asks for: MMPretrain's take four seconds."""
    from mmengine.config import Config

    from ...engine.overlays import find_config
    return Config.fromfile(find_config(name), import_custom_modules=False).to_dict()


def _fill(cfg, out, data, size, groups, notes):
    classes = len(data.classes)
    cfg['data_name'] = 'data'
    cfg['data_preprocessor']['num_classes'] = cfg['model']['head']['num_classes'] = classes
    cfg.pop('num_classes', None)
    train, test = (cfg[f'{name}_dataloader'] for name in ('train', 'val'))
    pipelines = [cfg['train_pipeline'], cfg['test_pipeline']]
    if size <= SMALL:
        resize = [dict(type='Resize', scale=(32, 32))]
        if data.kind != 'npz':
            for pipeline in pipelines:
                pipeline[:0] = [dict(type='LoadImageFromFile'), *resize]
            cfg['data_preprocessor'].update(to_rgb=True)
    if data.kind == 'npz':
        if size > SMALL:
            for pipeline in pipelines:
                pipeline[:] = [step for step in pipeline if step['type'] != 'LoadImageFromFile']
            cfg['data_preprocessor'].update(to_rgb=False)
        name = 'test' if data.test is not None else 'train'
        train['dataset'], test['dataset'] = (dict(type='NpzImages', ann_file=str(data.path.resolve()), split=split)
                                             for split in ('train', name))
    else:
        lists = _lists(out, data, groups, notes)
        train['dataset'], test['dataset'] = (
            dict(type='CustomDataset', data_root='', ann_file=str(file.resolve()), metainfo=dict(classes=data.classes))
            for file in lists)
    for part, pipeline in zip((train, test), pipelines):
        part['dataset']['pipeline'] = pipeline
    cfg['test_dataloader'] = test


def _lists(out, data, groups, notes):
    """train.txt and test.txt of absolute paths."""
    train, test = data.train, data.test
    index = {'train': range(len(train.labels))}
    if test is None:
        out_of_training = hold_out(train.labels, groups, share=.2)
        index = {name: mask.nonzero()[0].tolist() for name, mask in (('train', ~out_of_training),
                                                                     ('test', out_of_training))}
        notes.append(f'there is no test set: {out_of_training.sum():,} images are held out in test.txt'
                     + (', groups kept whole' if groups is not None else ''))
    files = []
    for name in ('train', 'test'):
        split = test if name == 'test' and test is not None else train
        rows = index.get(name, range(len(split.labels)))
        file = out / f'{name}.txt'
        write_text(file, ''.join(f'{Path(split.items[i]).resolve()} {split.labels[i]}\n' for i in rows))
        files.append(file)
    return files


def _dump(cfg):
    return ''.join(f'{key} = {pprint.pformat(value, width=112, sort_dicts=False)}\n' for key, value in cfg.items())

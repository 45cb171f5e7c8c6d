"""Stands for tools/train.py in the tests of sweeps: an epoch lasts model['seconds'] and leaves a line in a journal."""
import argparse
import json
import runpy
import time
import zipfile
from pathlib import Path


def save(path, epoch):
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('epoch', str(epoch))


def log(path, **line):
    with open(path, 'a') as file:
        file.write(json.dumps(line) + '\n')


def train(args):
    cfg = runpy.run_path(args.config)
    for overlay in args.overlays:
        cfg['model'].update(runpy.run_path(overlay).get('model', {}))
    model, end = cfg['model'], cfg['train_cfg']['max_epochs']
    begin = int(zipfile.ZipFile(args.resume).read('epoch')) if args.resume else 0
    scalars = args.work_dir / str(time.time()) / 'vis_data/scalars.json'
    scalars.parent.mkdir(parents=True)
    print('epochs from', begin, 'options', *args.cfg_options, flush=True)
    keep = next((json.loads(o.split('=')[1]) for o in args.cfg_options if 'prefix_checkpoint.epochs' in o), [])
    for epoch in range(begin, end):
        with open(args.work_dir.parent / f'{args.work_dir.name}.epochs', 'a') as journal:
            journal.write(f'{epoch} ')
        time.sleep(model['seconds'])
        if epoch == model.get('crash'):
            raise RuntimeError('loss is nan')
        if epoch + 1 in keep:
            save(args.work_dir / f'prefix_{epoch + 1}.pth', epoch + 1)
        save(args.work_dir / f'epoch_{epoch + 1}.pth', epoch + 1)
        log(scalars, iter=10 * epoch, epoch=epoch + 1, loss=1.0)
    if model.get('validates', True):
        log(scalars, **{'lt/top1': model['top1'] + args.seed, 'lt/ece': 5.0, 'step': end, 'time': 1.0})


if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('config')
    p.add_argument('overlays', nargs='*')
    p.add_argument('--work-dir', type=Path)
    p.add_argument('--seed', type=int)
    p.add_argument('--resume')
    p.add_argument('--no-report', action='store_true')
    p.add_argument('--restart', action='store_true')
    p.add_argument('--amp', action='store_true')
    p.add_argument('--cfg-options', nargs='+', default=[])
    train(p.parse_args())

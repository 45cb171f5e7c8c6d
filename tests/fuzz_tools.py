"""Bad calls of the commands: python tests/fuzz_tools.py 2000

A command ends with status 0, with ``error: ...`` in one sentence, or with argparse's usage and status 2. Anything else
is a fault: a traceback, more than thirty seconds, or a file that a call that failed left where it should write.
"""
import contextlib
import io
import json
import os
import runpy
import shutil
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import tiny
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

from mmlt.cli import main

SECONDS = 30
TEXT_HEAD = Path(__file__).parents[1] / 'tools/text_head.py'
NUMBERS = ['0', '1', '2', '-1', '3', '0.5', '-0.5', 'nan', 'inf', '-inf', '1e308', '99999999999999999999', '2**3', '',
           'x', '١', '0x10', '1_0', '1e-320']
WORDS = ['', 'x', 'ldam', 'é 漢', '--', '-', '=', 'a=b', '(', '[a-z', '*', '..', '%s', '{}', '\n', 'ce', 'a' * 300]
# a file of each kind, what it stands for and how it may be spoilt
KINDS = dict(config=['cfg.py'], weights=['good.pth'], images=['birds'], json=['coco.json'],
             npz=['set.npz'], predictions=['predictions.npz'], counts=['counts.json'], maps=['maps'],
             csv=['groups.csv'], names=['names.txt'])
BAD_FILES = ['missing', 'missing.json', 'missing.pth', 'missing.npz', 'empty', 'empty.json', 'empty.npz', 'empty.csv',
             'empty.py', 'empty_folder', 'flat', 'cut.json', 'list.json', 'null.json', 'deep.json', 'nan.json',
             'words.json', 'cut.npz', 'other.npz', 'object.npz', 'nan.npz', 'cut.pth', 'list.pth', 'nan.pth',
             'other.pth', 'syntax.py', 'raises.py', 'binary.py', 'no_model.py', 'latin1.txt', 'bad.csv', 'picture.png',
             'cut.png', 'é 漢.json', '/dev/null', '/proc/self/mem', 'picture.png/x', 'a' * 300, '', '.', '..', '\0',
             'birds/a', 'broken_birds', 'dangling', 'loop', 'lines.txt', 'no_path.csv', 'broken_maps']
OUT = ['out.json', 'out.npz', 'out.html', 'out', 'out.pth', 'birds/out', 'missing/out.json', 'birds', 'flat/0.png', '',
       '/proc/out', '/dev/full', 'picture.png/out']
# positional arguments, then options; a list is a choice, None a flag
N, W, P, S = 'number', 'word', 'out', 'options'
COMMANDS = {
    'train': (['config', 'overlay'], dict(zip(
        ('--work-dir', '--amp', '--cfg-options', '--resume', '--restart', '--check-data', '--no-validate',
         '--auto-scale-lr', '--seed', '--launcher', '--allow-missing'),
        (P, None, S, 'weights', None, None, None, None, N, ['none', 'slurm', 'x'], W)))),
    'test': (['config', 'weights'], {'--out': P, '--amp': None, '--cfg-options': S, '--allow-missing': W,
                                     '--trust': None, '--work-dir': P}),
    'refit': (['config', 'weights'], {
        '--methods': 'method', '--val': 'npz', '--folds': N, '--groups': 'csv', '--out': P, '--epochs': N,
        '--bound': 'npz', '--batch-size': N, '--lr': N, '--seed': N, '--dtype': ['float16', 'x'],
        '--path': W, '--cfg-options': S, '--timm': W, '--data': 'images', '--hold-out': N,
        '--text': 'weights', '--image-size': N, '--reliability': None, '--amp': None}),
    'soup': (['weights', 'weights'], {'--out!': P, '--weights': N}),
    'label': (['config', 'weights', 'images'], {'--out!': P, '--rates': ['crest', 'x'], '--alpha': N,
                                                '--threshold': N}),
    'report': (['predictions'], {'--predictions': 'predictions', '--out': P, '--baseline': W, '--counts': 'counts',
                                 '--title': W, '--errors': N}),
    'diagnose': (['images'], {'--test': 'names', '--out': P, '--recipes': P, '--no-flip': None, '--flip': None,
                              '--groups': W, '--epochs': N, '--seconds': N, '--yes!': None}),
    'split': (['images'], {'--out!': P, '--imbalance': N, '--kind': ['exp', 'step', 'x'], '--seed': N,
                           '--max': N, '--val': N, '--test': N, '--force': None}),
    'holdout': (['images'], {'--out!': P, '--val': N, '--group-regex': W, '--group-csv': 'csv',
                             '--seed': N, '--force': None}),
    'count': (['json'], {'--out!': P, '--fractal': None, '--num-classes': N, '--reduce-zero-label': None,
                         '--ignore-index': N, '--suffix': W, '--list': 'names', '--workers': N}),
    'count ': (['maps'], {'--out!': P, '--num-classes': N, '--reduce-zero-label': None,
                          '--ignore-index': N, '--suffix': W, '--list': 'names', '--workers': N}),
    'configs': ([W], {}),
    'methods': ([W], {'--show': None, '--task': ['cls', 'det', 'seg', 'x']}),
    'sweep': (['bad'], {'--methods': 'overlay', '--set': S, '--seeds': N, '--jobs': N, '--out': P,
                        '--share': None, '--cfg-options': S, '--slurm': W, '--gpus': N,
                        '--cpus': N, '--slurm-args': W}),
    'crest': (['bad', 'images'], {'--generations': N, '--alpha': N, '--t-min': N}),
    'text_head': ([], {'--classnames': 'bad', '--prompts': 'names', '--model': 'bad', '--weights': W, '--out': P}),
}
OPTIONS = ['a', 'a=', '=b', 'train_cfg.max_epochs=x', 'train_cfg.max_epochs=-1', 'model=1', 'model.head.num_classes=0',
           'model.head.num_classes=7', 'train_dataloader.batch_size=0', 'train_dataloader.dataset=None', 'work_dir=',
           'optim_wrapper.optimizer.lr=nan', 'default_hooks.stages.type=StageSwitchHook', 'load_from=cut.pth',
           'model.head.loss.type=X', 'val_evaluator.type=X', 'a.b.c=[1', 'resume=True', 'train_cfg=None',
           'runner_type=X', 'val_dataloader.dataset.type=CustomDataset', 'é=漢', 'custom_imports.imports=nothing',
           'randomness.seed=-1']
OVERLAYS = ['ldam', 'cam_bs', 'drs', 'crt', 'xyzzy', '', 'syntax.py', 'empty.py', 'no_model.py', 'birds', 'é', 'lift']
METHODS = ['joint', 'tau_norm', 'crt', 'xyzzy', 'maxnorm', '']


def prepare(folder):
    """Write the files of KINDS and BAD_FILES, and go there."""
    folder.mkdir()
    os.chdir(folder)
    rng = np.random.default_rng(0)
    for name, count in (('a', 5), ('b', 3), ('é 漢', 2)):
        for i in range(count):
            Path(f'birds/{name}').mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(f'birds/{name}/{i}.png')
    Path('maps').mkdir()
    Image.fromarray(rng.integers(0, 3, (8, 8), dtype=np.uint8)).save('maps/0.png')
    shutil.copytree('birds', 'broken_birds')
    shutil.copytree('maps', 'broken_maps')
    picture = Path('birds/a/0.png').read_bytes()
    files = {'picture.png': picture, 'cut.png': picture[:60], 'broken_birds/a/1.png': picture[:60],
             'broken_maps/1.png': picture[:60], 'broken_maps/2.png': b'', 'flat/0.png': picture,
             'empty_folder/.keep': b''}
    coco = dict(images=[dict(id=1, width=8, height=8)], categories=[dict(id=3, name='a'), dict(id=7, name='b')],
                annotations=[dict(id=i, image_id=1, category_id=3 + 4 * (i % 2), bbox=[0, 0, 4, 4], area=16)
                             for i in range(3)])
    text = json.dumps(coco)
    files |= {'coco.json': text, 'é 漢.json': text, 'cut.json': text[:-30], 'list.json': '[]', 'null.json': 'null',
              'deep.json': '[' * 100000, 'nan.json': '{"class_counts": [NaN, -1]}',
              'words.json': '{"annotations": "x"}',
              'counts.json': '{"class_counts": [5, 3, 2]}', 'names.txt': 'a\nb\né 漢\n', 'latin1.txt': b'\xe9\xff\n',
              'groups.csv': 'path,group\n' + ''.join(f'{p.relative_to("birds")},{p.stem}\n'
                                                     for p in sorted(Path('birds').rglob('*.png'))),
              'bad.csv': 'path,group\n"a\x00,\n,,,\n', 'no_path.csv': 'group\n1\n', 'syntax.py': 'model = (',
              'raises.py': 'raise OSError("no")', 'binary.py': b'\0\xff', 'no_model.py': 'a = 1\n',
              'lines.txt': 'a\n\n'}
    files |= {name: '' for name in BAD_FILES if name.startswith('empty') and name != 'empty_folder'}
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    os.symlink('nowhere', 'dangling')
    os.symlink('loop', 'loop')
    images, labels = rng.integers(0, 255, (8, 8, 8, 3), dtype=np.uint8), np.array([0, 0, 0, 1, 1, 2, 2, 0])
    np.savez('set.npz', train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    np.savez('predictions.npz', label=labels, logits=rng.normal(size=(8, 3)), class_counts=[5, 3, 2])
    np.savez('nan.npz', label=labels, logits=np.full((8, 3), np.nan), train_labels=labels - 5)
    np.savez('other.npz', x=1)
    np.savez('object.npz', label=np.array([{}], object), train_labels=np.array(['a']))
    Path('cut.npz').write_bytes(Path('set.npz').read_bytes()[:-50])
    cfg = tiny.config('', 1)
    cfg.work_dir = None
    cfg.dump('cfg.py')
    state = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor)).state_dict()
    torch.save(dict(state_dict=state, meta=dict(class_counts=[40, 15, 5], epoch=1, iter=6), message_hub={}), 'good.pth')
    torch.save(dict(state_dict={**state, 'head.fc.bias': torch.full((3, ), float('nan'))}), 'nan.pth')
    torch.save(dict(state_dict={'x': torch.ones(2)}), 'other.pth')
    torch.save([1], 'list.pth')
    Path('cut.pth').write_bytes(Path('good.pth').read_bytes()[:-500])


def argument(draw, kind):
    """A word of the kind, good more often than not."""
    pick = lambda words: words[draw(st.integers(0, len(words) - 1))]  # noqa: E731
    if isinstance(kind, list):
        return pick(kind)
    lists = dict(number=NUMBERS, word=WORDS, options=OPTIONS, overlay=OVERLAYS, out=OUT, method=METHODS,
                 bad=[name for name in BAD_FILES if name.strip('.')])
    if kind in lists:
        words = lists[kind]
        return words[draw(st.integers(0, 3))] if kind in ('out', 'number') and draw(st.booleans()) else pick(words)
    return KINDS[kind][0] if draw(st.integers(0, 9)) < 6 else pick(BAD_FILES)


def arguments(draw, name):
    positional, options = COMMANDS[name]
    words = [argument(draw, kind) for kind in positional if draw(st.integers(0, 19)) > 0]
    for option, kind in options.items():
        if option.endswith('!') or draw(st.integers(0, len(options))) < 2:
            words += [option.rstrip('!')] + ([] if kind is None else [argument(draw, kind)])
    return words


def call(name, words):
    """The fault of a call, or None."""
    def late(*_):
        raise TimeoutError(f'more than {SECONDS} s')

    out, stdin, argv = io.StringIO(), sys.stdin, sys.argv
    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    failed = True
    before = {path: path.lstat().st_mtime_ns for path in Path('.').rglob('*')}
    try:
        sys.stdin = io.StringIO('')
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            if name == 'text_head':
                runpy.run_path(str(TEXT_HEAD))['main'](words)
            else:
                failed = bool(main([name.strip(), *words]))
    except SystemExit as end:
        failed, said = end.code not in (0, None), out.getvalue()
        if isinstance(end.code, str) and not (end.code.startswith('error: ') and len(end.code.strip()) > 12):
            return f'ends with {end.code!r:.200}'
        if isinstance(end.code, int) and end.code and 'error' not in said:
            return f'status {end.code} without a word'
        if isinstance(end.code, str) and ('Traceback' in end.code or end.code.count('\n') > 8 or len(end.code) > 3000):
            return f'no sentence: {end.code:.300}'
    except BaseException as error:  # whatever comes is what is looked for
        if isinstance(error, KeyboardInterrupt) or type(error).__module__.startswith('hypothesis'):
            raise
        where, trace = '', error.__traceback__
        while trace:
            if '/mmlt/' in trace.tb_frame.f_code.co_filename:
                where = f'{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}'
            trace = trace.tb_next
        return f'{type(error).__name__} at {where}: {error}'[:300]
    finally:
        signal.alarm(0)
        sys.stdin, sys.argv = stdin, argv
    new = [path for path in Path('.').rglob('*') if path.lstat().st_mtime_ns != before.get(path) and not path.is_dir()
           and name in ('soup', 'label', 'report', 'diagnose', 'split', 'holdout', 'count', 'count ', 'text_head')]
    if failed and new:
        return f'failed and left {", ".join(map(str, new[:3]))}'
    return f'left {new[0]}' if any('.part' in path.name or '.tmp' in path.name for path in new) else None


@contextlib.contextmanager
def workplace():
    """A folder with the files, as the current one; -> a function that makes it as it was."""
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, DefaultScope.overwrite_default_scope('mmpretrain'):
        prepare(Path(folder, 'work'))
        kept = set(Path('.').rglob('*'))

        def tidy():
            Path('flat/0.png').write_bytes(Path('picture.png').read_bytes())
            for path in sorted(Path('.').rglob('*'), reverse=True):
                if path not in kept and (path.exists() or path.is_symlink()):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

        try:
            yield tidy
        finally:
            os.chdir(home)


def run(examples, collect):
    """Try so many calls; ``collect`` takes the faults by command and text."""
    with workplace() as tidy:
        @seed(examples)
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def fuzz(data):
            name = data.draw(st.sampled_from(sorted(COMMANDS)))
            words = arguments(data.draw, name)
            fault = call(name, words)
            if fault:
                collect.setdefault((name, fault[:80]), f'mmlt {name} {words}: {fault}')
            tidy()

        fuzz()


if __name__ == '__main__':
    faults = {}
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 300, faults)
    for _, what in sorted(faults.items()):
        print(f'{what[:700]}\n')
    print(f'{len(faults)} faults')
    sys.exit(bool(faults))

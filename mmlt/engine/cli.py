"""What tools/train.py and tools/test.py share."""
import argparse
import functools
import os
import sys
from contextlib import contextmanager

import torch
from mmengine.config import DictAction

from .checkpoints import newest_checkpoint, set_aside
from .load import add_arguments
from .overlays import load, run_name


class Parser(argparse.ArgumentParser):
    """Words without ``=`` after ``--set`` are configs and overlays, so that the order is free.

    >>> parser = Parser()
    >>> _ = parser.add_argument('words', nargs='*'), parser.add_argument('--set', nargs='+')
    >>> parser.parse_args(['folder', '--set', 'size=32', 'cam_bs'])
    Namespace(words=['folder', 'cam_bs'], set=['size=32'])
    """

    def parse_known_args(self, args=None, namespace=None):
        rest, option, start = [], None, None
        for word in sys.argv[1:] if args is None else args:
            if word.startswith('-'):
                option, action = word, self._option_string_actions.get(word)
                if getattr(action, 'nargs', None) not in ('+', '*', '?'):
                    start = None
                elif start is None:
                    start = len(rest)  # an option from here on would take the word for itself
            elif option in ('--set', '--cfg-options') and '=' not in word:
                rest.insert(start, word)
                start += 1
                continue
            rest.append(word)
        return super().parse_known_args(rest, namespace)


class Options(DictAction):
    """MMEngine's key=value words; what it cannot read is an error that says how to write it."""

    def __call__(self, parser, namespace, values, option_string=None):
        try:
            super().__call__(parser, namespace, values, option_string)
        except (AssertionError, RecursionError, ValueError):
            parser.error(f'{option_string}: cannot read {" ".join(values)}; expected key=value, where a value is a '
                         'number, a word or a list [a,b], and what is inside a dict has its own key, as '
                         'optim_wrapper.optimizer.lr=0.1')


def parser(description):
    """The arguments of both tools."""
    parser = Parser(description=description)
    add_config(parser)
    parser.add_argument('--work-dir', help='logs and checkpoints; default work_dirs/<overlays>_<config>')
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument('--cfg-options', '--set', nargs='+', action=Options, help='override settings: key=value ...')
    parser.add_argument('--debug', action='store_true', help='show where an error arose')
    add_arguments(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    return parser


def add_config(parser):
    parser.add_argument('config', metavar='CONFIG', help='a config file, package::path of a framework, or the name of '
                        'a data set')
    parser.add_argument('overlays', nargs='*', metavar='OVERLAY', help='merged over it, left to right: files, '
                        'or names of methods, as ldam-drw')


def load_config(args):
    """The config with its overlays and the command line's settings in it."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if bad := [key for key in args.cfg_options or {} if not key.split('.')[0].isidentifier()]:
        raise SystemExit(f'error: --cfg-options {bad[0]}=...: {bad[0].split(".")[0]!r} is no name of a setting')
    try:
        cfg = load(args.config, *args.overlays, options=args.cfg_options)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f'error: {error}') from None
    if not isinstance(cfg.get('model'), dict):
        raise SystemExit(f'error: {args.config} has no model; it sets {", ".join(list(cfg)[:5]) or "nothing"}')
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'work_dirs/{run_name(cfg.filename, cfg)}'
    if args.launcher == 'pytorch' and not torch.cuda.is_available():
        distribute_on_cpu(cfg)
    loading = cfg.setdefault('default_hooks', {}).setdefault('load', dict(type='CheckedLoadHook'))
    loading.update(allow_missing=[*loading.get('allow_missing', []), *args.allow_missing],
                   trust=args.trust or loading.get('trust', False))
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name):
            if cfg.get('default_scope', 'mmpretrain') == 'mmpretrain':  # the others keep MMEngine's
                cfg[name].setdefault('collate_fn', dict(type='default_collate'))
            cfg[name].setdefault('pin_memory', torch.cuda.is_available())
            if not cfg[name].num_workers:
                cfg[name].persistent_workers = False
    return cfg


def start_from(cfg, resume=None, restart=False):
    """Say in the config where a training begins; what a work dir holds is never written over unasked.

    Args:
        cfg (Config): with a ``work_dir``.
        resume (str, optional): a checkpoint, or ``'auto'`` for the newest whole one of the work dir, if there is any.
        restart (bool): begin anew; earlier checkpoints are moved to a folder ``before_restart_<n>`` in the work dir.

    Raises:
        ValueError: the work dir has checkpoints, and neither is asked for.
    """
    newest = newest_checkpoint(cfg.work_dir)
    if resume is None and cfg.get('resume') and not cfg.get('load_from'):
        resume = 'auto'
    if resume == 'auto':
        cfg.resume = newest is not None
        cfg.load_from = str(newest) if newest else cfg.get('load_from')
    elif resume:
        cfg.resume, cfg.load_from = True, resume
    elif newest and restart:
        set_aside(cfg.work_dir)
    elif newest and not cfg.get('resume'):
        raise ValueError(f'{cfg.work_dir} holds a training up to {newest.name}: go on with --resume, begin anew with '
                         '--restart, or choose another --work-dir')


def plain_errors(main):
    """End a tool with ``error: ...`` where its input is at fault; ``--debug`` shows where."""
    @functools.wraps(main)
    def ending(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except (ValueError, TypeError, KeyError, OSError, RuntimeError, ArithmeticError, ImportError, AssertionError,
                AttributeError) as error:
            of_config = 'ConfigDict' in str(error)  # a setting that is missing; another attribute is our fault
            if '--debug' in sys.argv or (isinstance(error, AttributeError) and not of_config):
                raise
            text = str(error) or type(error).__name__
            if type(error) is KeyError:  # of a registry, whose message is a sentence, or of a dict
                text = error.args[0] if ' ' in str(error) else f'no key {error}'
            if 'Expected more than 1 value per channel' in text:
                text += '; a batch of one image has no statistics: set train_dataloader.drop_last=True'
            if isinstance(error, FileNotFoundError) and error.filename:
                text = f'{error.filename} does not exist; put it there, or name another path'
            raise SystemExit(f'error: {text}') from error
    return ending


def distribute_on_cpu(cfg):
    """Let MMEngine train on several CPU processes: it would ask for a CUDA device a rank."""
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    unused = cfg.get('find_unused_parameters', False)
    given = cfg.get('model_wrapper_cfg') or dict(broadcast_buffers=False, find_unused_parameters=unused)
    cfg.model_wrapper_cfg = {'type': 'MMDistributedDataParallel', **given, 'device_ids': None}


@contextmanager
def ranks():
    """torch.distributed for the processes of torchrun; nothing when alone."""
    if int(os.environ.get('WORLD_SIZE', 1)) == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
    torch.distributed.init_process_group('nccl' if torch.cuda.is_available() else 'gloo')
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()

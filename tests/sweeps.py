"""Sweeps whose training takes milliseconds; see jobs/sweep_train.py."""
import time
from pathlib import Path

from mmlt.jobs.runs import Run, load_config

TRAIN = Path(__file__).parent / 'jobs/sweep_train.py'


def write_config(path, stages=None, epochs=3, seconds=0., top1=40., hooks=None, **model):
    hooks = dict(hooks or {})
    if stages is not None:
        hooks['stages'] = dict(type='StageSwitchHook', stages=stages)
    cfg = dict(model=dict(seconds=seconds, top1=top1, **model), default_hooks=hooks,
               train_dataloader=dict(batch_size=1), val_dataloader=dict(batch_size=1),
               train_cfg=dict(by_epoch=True, max_epochs=epochs))
    path.parent.mkdir(exist_ok=True)
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in cfg.items()))
    return path


def epochs(tmp_path, name, seed=0):
    """The epochs that were trained, in order, over all processes."""
    file = tmp_path / f'out/{name}/seed_{seed}.epochs'
    return [int(epoch) for epoch in file.read_text().split()] if file.exists() else []


def wait_for(condition, seconds=30):
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, 'nothing happened'
        time.sleep(0.02)


def pid_of(tmp_path, name, seed=0):
    return int((tmp_path / f'out/{name}/seed_{seed}.lock').read_text().split()[1])


def run_of(path, out, seed=0, **kwargs):
    return Run(path, load_config(path), seed, out, **kwargs)

"""A checkpoint is whole or not there, at whatever moment the process is killed."""
import errno
import os
import shutil
import sys
from pathlib import Path
from platform import node

import pytest
import tiny
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from mmlt.core.files import allocate, remove_parts, replacing, save_whole, write_whole
from mmlt.engine.cam_cache import publish_cams
from mmlt.engine.checkpoints import newest_checkpoint
from mmlt.engine.hooks import AtomicCheckpointHook
from mmlt.engine.hooks.stop_on_nan import last_good
from mmlt.engine.load import read_checkpoint
from mmlt.engine.overlays import load

TOUCHING = 'open', 'os.rename', 'os.remove', 'os.truncate'


def train(folder, kind='AtomicCheckpointHook', epochs=2, **settings):
    hook = dict(type=kind, interval=1, max_keep_ckpts=1)
    return tiny.train(folder, epochs, **{'default_hooks__checkpoint': hook, 'train_cfg__val_interval': 1, **settings})


def killed_at(folder, n, write):
    """Call ``write`` in a process that dies before the n-th change in the folder; whether it died."""
    pid = os.fork()
    if pid == 0:
        seen = [0]

        def audit(event, args):
            if event in TOUCHING and str(args[0]).startswith(str(folder)):
                seen[0] += 1
                if seen[0] == n:
                    os._exit(9)

        sys.addaudithook(audit)
        write()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


def save_once_more(runner):
    hook = next(h for h in runner.hooks if 'CheckpointHook' in type(h).__name__)
    hook._save_checkpoint_with_step(runner, 3, dict(epoch=3, iter=18))


def kills(runner):
    """The newest whole checkpoint after a kill at each file boundary of a save."""
    folder, found = Path(runner.work_dir), []
    kept = shutil.copytree(folder, folder.with_name('kept'))
    for n in range(1, 50):
        died = killed_at(folder, n, lambda: save_once_more(runner))
        found.append(newest_checkpoint(folder))
        if not died:
            return found
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    raise AssertionError('the save never ended')


def test_killed_at_every_file_boundary(tmp_path):
    runner = train(tmp_path / 'run')
    found = [path and path.name for path in kills(runner)]
    assert len(found) > 4 and set(found) == {'epoch_2.pth', 'epoch_3.pth'}
    assert sorted(path.name for path in (tmp_path / 'run').glob('*.p*') if path.suffix != '.py') == ['epoch_3.pth']
    assert (tmp_path / 'run/last_checkpoint').read_text() == str(tmp_path / 'run/epoch_3.pth')


def test_the_hook_of_mmengine_loses_all(tmp_path):
    assert None in kills(train(tmp_path / 'run', 'CheckpointHook'))


def test_what_a_killed_process_left_goes(tmp_path):
    train(tmp_path, epochs=1)
    (tmp_path / 'epoch_1.pth').rename(tmp_path / 'epoch_7.pth')  # the oldest, which a killed process did not remove
    state = read_checkpoint(tmp_path / 'epoch_7.pth')
    state['message_hub']['runtime_info']['keep_ckpt_ids'] = [7, 1]
    torch.save(state, tmp_path / 'epoch_1.pth')
    dead, alive = (tmp_path / f'x.{node()}.{pid}.part' for pid in (999999999, os.getpid()))
    dead.touch(), alive.touch()
    train(tmp_path, epochs=2, resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    assert {path.name for path in tmp_path.glob('*.p*') if path.suffix != '.py'} == {'epoch_2.pth', alive.name}


@pytest.mark.parametrize('write', [
    lambda file: write_whole(file, b'new'), lambda file: publish_cams(file, 'key', [torch.ones(2, 3, 3)])],
    ids=['any file', 'CAMs'])
def test_killed_writes_of_a_cache_leave_nothing_behind(tmp_path, write):
    file, left = tmp_path / 'cache', []
    for n in range(1, 20):
        died = killed_at(tmp_path, n, lambda: write(file))
        left += [path for path in tmp_path.iterdir() if path != file]
        write(file)
        assert list(tmp_path.iterdir()) == [file]
        if not died:
            assert left  # a kill did leave something
            return
        file.unlink()
    raise AssertionError('the write never ended')


def test_links_stay_and_devices_are_written_to(tmp_path):
    target, link = tmp_path / 'target', tmp_path / 'link'
    target.write_bytes(b'old')
    link.symlink_to(target)
    write_whole(link, b'new')
    assert link.is_symlink() and target.read_bytes() == b'new'
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b'new')
    assert os.read(reader, 9) == b'new' and pipe.is_fifo()
    os.close(reader)


def test_the_best_goes_after_the_new_one_is_whole(tmp_path):
    best = dict(type='AtomicCheckpointHook', interval=1, save_best='lt/ece', rule='greater')
    runner = train(tmp_path, default_hooks__checkpoint=best)
    [path] = tmp_path.glob('best_*')
    assert runner.message_hub.get_info('best_ckpt') == str(path)


@pytest.mark.parametrize('key, better, worse', [('lt/mean_class', 60, 50), ('lt/few', 60, 50), ('lt/ece', 5, 6)])
def test_the_best_needs_no_rule_for_our_metrics(key, better, worse):
    hook = AtomicCheckpointHook(interval=1, save_best=key)
    assert hook.is_better_than[key](better, worse) and not hook.is_better_than[key](worse, better)


@pytest.mark.parametrize('data', ['imagenet_lt', 'places_lt'])
def test_the_hooks_of_configs_that_keep_the_best_can_be_built(data):
    assert HOOKS.build(dict(load(data).default_hooks.checkpoint)).key_indicators == ['lt/mean_class']


def test_a_full_disk_says_what_is_missing(tmp_path, monkeypatch):
    path = tmp_path / 'x'
    write_whole(path, b'old')

    def full(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match=r'no space left for .*x \(4\.0 MB\)'):
        write_whole(path, bytes(4 << 20))
    with pytest.raises(OSError, match=r'no space left for .*x '):
        save_whole(path, dict(a=torch.ones(3)))
    assert path.read_bytes() == b'old' and list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    save_whole(tmp_path / 'y', dict(a=torch.ones(3)))
    assert torch.load(tmp_path / 'y')['a'].tolist() == [1, 1, 1]
    (tmp_path / 'y').unlink()
    with pytest.raises(ValueError, match='mine'), replacing(path) as part:
        part.write_bytes(b'half')
        raise ValueError('mine')
    assert path.read_bytes() == b'old' and list(tmp_path.iterdir()) == [path]
    monkeypatch.setattr(os, 'posix_fallocate', full)
    with pytest.raises(OSError, match=r'no space left for .* MB are missing'):
        allocate(path, 1 << 60)
    remove_parts(tmp_path)


class Spoil(Hook):
    """Makes a weight NaN after a step."""

    def __init__(self, step):
        self.step = step

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == self.step:
            next(runner.model.parameters()).data.fill_(float('nan'))


@pytest.mark.parametrize(('step', 'message'), [
    (7, r'loss is nan at step 8 \(epoch 2\)'), (12, r'the weight .*conv1\.weight holds NaN .* after step 12')])
def test_a_nan_stops_the_run(tmp_path, step, message):
    runner = tiny.runner(tmp_path, 2, default_hooks__checkpoint=dict(type='AtomicCheckpointHook', interval=1),
                         default_hooks__nan=dict(type='StopOnNaNHook'), train_cfg__val_interval=9)
    runner.register_hook(Spoil(step))
    with pytest.raises(FloatingPointError, match=message + r'.*; the last good checkpoint is .*epoch_1\.pth'):
        runner.train()
    state = read_checkpoint(tmp_path / 'epoch_1.pth')
    state['state_dict']['head.fc.bias'][0] = float('nan')
    torch.save(state, tmp_path / 'epoch_2.pth')
    assert last_good(tmp_path).name == 'epoch_1.pth'

"""Checkpoints that are whole or not there."""
import os
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook

from ...core.files import remove_parts, write_whole

BACKEND = 'mmlt_whole'


class WholeFiles(LocalBackend):
    """A disk on which a file has its name only once it is complete."""

    def put(self, obj, filepath):
        write_whole(filepath, obj)

    def put_text(self, obj, filepath, encoding='utf-8'):
        write_whole(filepath, obj.encode(encoding))


register_backend(BACKEND, WholeFiles, force=True)


class _Keeping:
    """A file backend that puts removals off."""

    def __init__(self, backend):
        self.backend, self.doomed = backend, []

    def __getattr__(self, name):
        return getattr(self.backend, name)

    def remove(self, path):
        self.doomed.append(path)


class AtomicCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, safe against a kill and a full disk at any moment.

    A checkpoint is written to a temporary file, flushed to the disk and renamed, ``last_checkpoint`` likewise; the
    oldest (with ``max_keep_ckpts``) and the previous best are deleted **after** the new one is whole, so that one whole
    checkpoint is there at any time. MMEngine deletes first and writes in place. What an earlier process left
    half-written is removed when training starts. In your own config::

        default_hooks = dict(checkpoint=dict(type='AtomicCheckpointHook', interval=1, max_keep_ckpts=2))

    Args:
        **kwargs: as of ``CheckpointHook``; with ``backend_args`` of your own, writing is up to that backend.

    Raises:
        OSError: the disk is full, in words that say how much is missing; nothing that was there is lost.
    """

    _default_greater_keys = [*CheckpointHook._default_greater_keys, 'lt/']  # which save_best compares without a rule
    _default_less_keys = [*CheckpointHook._default_less_keys, 'lt/ece']

    def __init__(self, **kwargs):
        super().__init__(**{'backend_args': dict(backend=BACKEND), **kwargs})

    def before_train(self, runner):
        super().before_train(runner)
        if is_main_process() and os.path.isdir(self.out_dir):
            remove_parts(self.out_dir)

    def _save_checkpoint_with_step(self, runner, step, meta):
        ids = list(getattr(self, 'keep_ckpt_ids', []))
        if self.max_keep_ckpts > 0:
            ids = [*(i for i in ids if i != step), step]
            runner.message_hub.update_info('keep_ckpt_ids', ids)  # with those that go: a resumed run removes them
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(self.out_dir, name, self.file_client_args, save_optimizer=self.save_optimizer,
                               save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch,
                               backend_args=self.backend_args, **self.args)
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids.extend(i for i in ids if i not in self.keep_ckpt_ids)  # a deque: drops the oldest
        if is_main_process():
            write_whole(Path(runner.work_dir) / 'last_checkpoint', str(self.last_ckpt).encode())
            self._remove(self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(i))
                         for i in ids if self.max_keep_ckpts > 0 and i not in self.keep_ckpt_ids)

    def _save_best_checkpoint(self, runner, metrics):
        backend = self.file_backend
        self.file_backend = keeping = _Keeping(backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        self._remove(keeping.doomed)

    def _remove(self, paths):
        for path in paths:
            if self.file_backend.isdir(path):
                self.file_backend.rmtree(path)
            elif self.file_backend.isfile(path):
                self.file_backend.remove(path)

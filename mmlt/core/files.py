"""Files that are whole or not there."""
import errno
import io
import os
import re
import shutil
import zlib
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from platform import node
from typing import Any

import numpy as np
import torch

PART = '.part'  # <name>.<machine>.<process>.part


def write_whole(path: str | os.PathLike, content: bytes) -> None:
    """Write a file that is never seen half-written: to a temporary file beside it, to the disk, renamed.

    A link stays a link; what is no file, such as ``/dev/stdout``, is written to as it is.

    Raises:
        OSError: the disk is full, with how much is missing, or the file cannot be written; what was there stays.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        Path(path).write_bytes(content)
        return
    with replacing(path, len(content)) as part, open(part, 'wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: str | os.PathLike, text: str, errors: str = 'strict') -> None:
    """UTF-8 by :func:`write_whole`, lines as they are."""
    write_whole(path, text.encode(errors=errors))


def save_npz(path: str | os.PathLike, **arrays: Any) -> None:
    """``np.savez_compressed`` by :func:`write_whole`."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_whole(path, buffer.getvalue())


def save_whole(path: str | os.PathLike, checkpoint: dict) -> None:
    """``torch.save`` by :func:`write_whole`."""
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    write_whole(path, buffer.getvalue())


class replacing:
    """``with replacing(path) as part:`` write ``part``: it gets the name ``path`` at the end, or goes with an error."""

    def __init__(self, path: str | os.PathLike, size: int = 0):
        self.path, self.size = Path(os.path.realpath(path)), size
        self.part = self.path.with_name(f'{self.path.name}.{node()}.{os.getpid()}{PART}')

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        remove_parts(self.path.parent, self.path.name)
        return self.part

    def __exit__(self, kind, error, trace):
        if error is not None:
            self.part.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_space(self.path, self.size) from error
            return
        os.replace(self.part, self.path)
        flush_folder(self.path.parent)


def flush_folder(folder: str | os.PathLike) -> None:
    """Have the names in a folder on the disk, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def allocate(path: str | os.PathLike, size: int) -> None:
    """Have the file on the disk in ``size`` bytes, so that no later write into it can fail.

    A sparse file mapped into memory ends the process by SIGBUS where the disk is full.

    Raises:
        OSError: there is not enough space, in words that say how much is missing.
    """
    free = shutil.disk_usage(Path(path).parent).free
    try:
        with open(path, 'r+b') as file:
            if hasattr(os, 'posix_fallocate'):
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise no_space(path, size, free) from error
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def no_space(path: str | os.PathLike, size: int, free: int | None = None) -> OSError:
    """The error of a full disk."""
    free = shutil.disk_usage(Path(path).parent).free if free is None else free
    missing = f', {(size - free) / 2**20:.1f} MB are missing' if size > free else ''
    return OSError(f'no space left for {path} ({size / 2**20:.1f} MB){missing}: make room, or write elsewhere')


def remove_parts(folder: str | os.PathLike, name: str = '') -> None:
    """Remove what processes of this machine that no longer run left half-written of a file, or of all in a folder."""
    for path in Path(folder).glob(f'{escape(name)}*{PART}'):
        match = re.search(rf'\.{re.escape(node())}\.(\d+)\.part$', path.name)
        if match and not os.path.exists(f'/proc/{match[1]}'):
            path.unlink(missing_ok=True)


def checksum(arrays: Iterable[np.ndarray], start: int = 0) -> int:
    """CRC-32 of the bytes of arrays (NumPy, memory-mapped too), block by block; goes on from ``start``."""
    for array in arrays:
        flat = array.reshape(-1).view('uint8')
        for begin in range(0, len(flat), 1 << 24):
            start = zlib.crc32(flat[begin:begin + (1 << 24)].data, start)
    return start

"""The checkpoints of one training, in its work dir."""
import re
from itertools import count
from pathlib import Path

from ..core.dist import rank
from .load import damage, read_checkpoint


def newest_checkpoint(folder, below=None):
    """The newest whole checkpoint in a folder, whatever ``last_checkpoint`` says, or None.

    Args:
        folder (str): of ``epoch_<n>.pth`` or ``iter_<n>.pth``; without any, the file that ``last_checkpoint`` names.
        below (int, optional): n must be smaller.
    """
    newest = []
    for kind in ('epoch', 'iter'):
        found = sorted((n, path) for path in Path(folder).glob(f'{kind}_*.pth')
                       if (n := checkpoint_number(path)) is not None and (below is None or n < below))
        newest += [path for _, path in reversed(found) if damage(path) is None][:1]
    if len(newest) > 1:
        return max(newest, key=lambda path: read_checkpoint(path).get('meta', {}).get('iter', 0))
    noted = Path(folder) / 'last_checkpoint'
    if not newest and below is None and noted.is_file():
        named = Path(noted.read_text(errors='replace').strip() or noted)
        newest = [named] if named.is_file() and damage(named) is None else []
    return newest[0] if newest else None


def checkpoint_number(path):
    """n of ``epoch_<n>.pth`` or ``iter_<n>.pth``, or None."""
    match = re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', Path(path).name)
    return match and int(match[1])


def set_aside(folder):
    """Move the checkpoints of an earlier training into a folder ``before_restart_<n>`` beside them."""
    n = next(n for n in count(1) if not (Path(folder) / f'before_restart_{n}').exists())
    aside = Path(folder) / f'before_restart_{n}'
    if rank():
        return
    aside.mkdir()
    for path in [*Path(folder).glob('*.pth'), *Path(folder).glob('last_checkpoint')]:
        path.rename(aside / path.name)

"""Where configs and overlays lie, and what they are called."""
import re
from pathlib import Path

from mmengine.config import Config
from mmengine.hub import get_config

from ...core.checks import near
from ...folders import root

METHODS = {'mmdet': 'det/methods', 'mmseg': 'seg/methods'}


def find_config(name):
    """The file of a config: the path itself, one below our configs, or the name of a data set.

    Raises:
        FileNotFoundError: there is none; near names are listed.
    """
    return _find(name, ['', 'data', 'det', 'seg', 'timm'], 'config')


def find_overlay(name, scope='mmpretrain'):
    """The file of an overlay: the path itself, or the name of a method in the framework ``scope``.

    Raises:
        FileNotFoundError: there is none, or for another framework alone; near names are listed.
    """
    folder = METHODS.get(scope, 'methods')
    try:
        return _find(name, ['', folder, f'{folder}/gallery'], 'overlay')
    except FileNotFoundError:
        homes = {'mmpretrain': 'methods', **METHODS}
        if homes := [home for home in homes if (root() / homes[home] / f'{name}.py').is_file()]:
            names = ', '.join(file.stem for file in sorted((root() / folder).glob('*.py')))
            raise FileNotFoundError(f'{name} is an overlay for {" and ".join(homes)}, the config is one of {scope}; '
                                    f'for that there are {names}') from None
        raise


def _find(name, folders, kind):
    path = Path(name)
    if path.is_file():
        return path
    places = [root() / folder for folder in folders]
    for place in places:
        for file in (place / path, place / f'{path}.py'):
            if file.is_file():
                return file
    names = [file.stem for place in places[1:] for file in sorted(place.glob('*.py'))]
    raise FileNotFoundError(f'no {kind} {name}' + (near([path.stem], names) or f'; give a path or one of '
                                                   f'{", ".join(names[:8])}, ...'))


def read(name):
    """The config in a file, in an installed framework (``mmpretrain::resnet/...``) or of a data set's name.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is no config.
    """
    name = str(name).removeprefix('mmlt::')
    if '::' in name:
        try:
            return get_config(name)
        except (ImportError, OSError, ValueError, KeyError, AssertionError) as error:
            file = re.search('"(.*)" does not exist', str(error))  # where the framework has looked
            names = [path.stem for path in Path(file[1]).parent.glob('*.py')] if file else []
            raise FileNotFoundError(f'no config {name}: {error}{near([Path(name).stem], names)}') from None
    file = find_config(name)
    try:
        return Config.fromfile(file)
    except (OSError, ValueError, TypeError, KeyError, ImportError):
        raise  # tools say these as they are
    except Exception as error:  # a config is code
        raise ValueError(f'{file} is no config: {type(error).__name__}: {error}') from error


def stem(name, cfg=None):
    """What a run is called after; that of a data set's plain cross entropy, ``ce_<data set>``."""
    name = Path(str(name).rpartition('::')[2]).stem
    return f'ce_{name}' if cfg and cfg.get('data_name') == name else name


def run_name(config, cfg, overlays=()):
    """``<method>+<method>_<config>``, as the work dir is called."""
    base = stem(config, cfg)
    return f'{"+".join(map(stem, overlays))}_{base.removeprefix("ce_")}' if overlays else base

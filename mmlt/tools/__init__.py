"""The scripts of tools/: ``python -m mmlt.tools.train CONFIG [OVERLAY ...]``, in a checkout or installed."""
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
__path__.append(str(next(path for path in (_PACKAGE / '.mim/tools', _PACKAGE.parent / 'tools') if path.is_dir())))

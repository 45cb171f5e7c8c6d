"""Where the files that come with mmlt lie; nothing is imported for it."""
from pathlib import Path


def root() -> Path:
    """The folder of mmlt's own configs, in a checkout or in an installed package."""
    package = Path(__file__).resolve().parent
    checkout = package.parent / 'configs'
    return checkout if checkout.is_dir() else package / '.mim/configs'

"""What rides on MMEngine's runner."""
from ..registry import require

require('mmengine')

"""Classifier layers that stand where ``nn.Linear`` stood."""
from .causal import CausalLinear
from .cosine import CosineLinear
from .disalign import DisAlignLinear
from .etf import ETFLinear
from .group_softmax import GroupSoftmaxLinear
from .lws import LWSLinear
from .marc import MARCLinear
from .memory import MemoryLinear
from .ncm import NCMClassifier
from .tau_norm import TauNormLinear
from .taxonomic import TaxonomicLinear
from .zero_shot import ZeroShotLinear

__all__ = [
    'CausalLinear', 'CosineLinear', 'DisAlignLinear', 'ETFLinear', 'GroupSoftmaxLinear', 'LWSLinear', 'MARCLinear',
    'MemoryLinear', 'NCMClassifier', 'TauNormLinear', 'TaxonomicLinear', 'ZeroShotLinear',
]

"""DisAlign's re-weighting with a background."""
from ..core import losses
from .base import SoftmaxRoILoss


class GeneralizedReweightLoss(SoftmaxRoILoss, losses.GeneralizedReweightLoss):
    """CE with the weights (1 / pi_c)^rho, which sum to C, and 1 for the background. Zhang et al., CVPR 2021,
    arXiv:2103.16370. For :class:`DisAlignLinear`; the counts are instances.

    Args:
        rho (float): 0.8 for LVIS in the paper; 0 is CE.
    """

    def __init__(self, class_counts=None, *, rho=0.8, **kwargs):
        super().__init__(class_counts, rho=rho, **kwargs)

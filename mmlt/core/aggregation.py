"""SADE's test-time aggregation: weights of experts from unlabelled images.  E experts, N images, C classes.

Zhang et al., NeurIPS 2022, arXiv:2107.09249.
"""
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def view_agreement(weights: Tensor, first: Tensor, second: Tensor):
    """Logits (E, N, C) of two views, unnormalised weights (E,) -> mean cosine of the softmax of their mixtures."""
    share = weights.softmax(0).to(first)
    mixed = [torch.einsum('e,enc->nc', share, z).softmax(1) for z in (first, second)]
    return F.cosine_similarity(mixed[0], mixed[1], dim=1).mean()


def aggregate_experts(passes: Any, num_experts: int, lr: float = 0.1, min_weight: float = 0.05, momentum: float = 0.9,
                      weight_decay: float = 5e-4):
    """Weights (E,) that sum to 1 and make two views of an image agree.

    Args:
        passes (iterable): one iterable of (first, second) logits (E, N, C) a pass over the images.
        lr, momentum, weight_decay (float): of SGD with Nesterov momentum, from equal weights.
        min_weight (float): when an expert has less after a pass, the weights of the pass before are kept: with few
            classes agreement alone can leave a single expert.
    """
    weights = torch.full((num_experts, ), 1 / num_experts).requires_grad_()
    optimizer = torch.optim.SGD([weights], lr, momentum=momentum, weight_decay=weight_decay, nesterov=True)
    kept = weights.detach().softmax(0)
    for batches in passes:
        for first, second in batches:
            optimizer.zero_grad()
            (-view_agreement(weights.to(first.device), first, second)).backward()
            optimizer.step()
        share = weights.detach().softmax(0)
        if share.min() < min_weight:
            break
        kept = share
    return kept

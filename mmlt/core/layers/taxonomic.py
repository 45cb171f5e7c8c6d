"""Taxonomic classifier.  N batch, D in_features, C out_features (leaves), V nodes, L levels."""
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..checks import check_range
from ..precision import at_least_float32
from ..random import Draws
from .base import LinearClassifier


def paths(parents: Sequence[int], num_leaves: int):
    """The nodes from each leaf to the top, (C, L), padded with V.

    Raises:
        ValueError: a parent that is no inner node, an inner node without a child, or a cycle.
    """
    if not isinstance(num_leaves, int) or num_leaves < 1:
        raise ValueError(f'out_features must be an integer of at least 1, got {num_leaves!r}')
    parents = [int(parent) for parent in parents]
    nodes = len(parents)
    if nodes < num_leaves:
        raise ValueError(f'parents names {nodes} nodes, fewer than the {num_leaves} classes, which come first')
    for node, parent in enumerate(parents):
        if parent != -1 and not num_leaves <= parent < nodes:
            raise ValueError(f'node {node} has the parent {parent}; expected -1 or an inner node, '
                             f'{num_leaves} .. {nodes - 1}')
    barren = set(range(num_leaves, nodes)) - set(parents)
    if barren:
        raise ValueError(f'inner node {min(barren)} has no child; drop it or list it among the leaves')
    rows = []
    for node in range(nodes):
        row = []
        start = node
        while node != -1:
            row.append(node)
            if len(row) > nodes:
                raise ValueError(f'parents has a cycle through node {start}')
            node = parents[node]
        rows.append(row)
    rows = rows[:num_leaves]
    levels = max(map(len, rows))
    return torch.tensor([row + [nodes] * (levels - len(row)) for row in rows])


class TaxonomicLinear(LinearClassifier):
    """One logit a node of a taxonomy; a leaf's logit is the sum along its path. Deep-RTC: Wu et al., ECCV 2020,
    arXiv:2007.09898.

    ``weight`` is (V, D) and ``bias`` (V,), leaves first. Inner nodes start at zero and a linear checkpoint fills the
    leaves, so the layer starts as that classifier. :meth:`predict` descends and may stop at an inner node;
    :meth:`node_loss` trains the descent (the paper adds it to the loss of the leaf logits, ``LongTailClsHead``, too).

    Stochastic tree sampling, in training mode: each inner node of each sample is dropped with ``drop_rate``, and all
    that lies below it falls away. It becomes a leaf whose probability its m classes share: they get its logit minus
    log m, so a softmax over C is that over the pruned tree. Cross entropy has the gradient of the paper's loss; its
    value is log m higher where the true class was pruned.

    Args:
        parents (sequence): the parent of each node, the C leaves first; -1 for a node right below the root (or the
            root itself, whose logit all leaves share).
        threshold (float): :meth:`predict` stops where the best child's probability is below; 0 always ends at a leaf.
        drop_rate (float): 0.1 in the paper's code; a node that holds all classes is never dropped.
        seed (int): of the draws.

    Raises:
        ValueError: ``parents`` is no forest with the leaves first, ``threshold`` lies outside [0, 1] or ``drop_rate``
            outside [0, 1).

    >>> layer = TaxonomicLinear(8, 3, parents=[3, 3, -1, -1])
    >>> layer(torch.ones(2, 8)).shape, layer.predict(torch.zeros(2, 8)).shape
    (torch.Size([2, 3]), torch.Size([2]))
    """

    def __init__(self, in_features: int, out_features: int, parents: Sequence[int], threshold: float = 0.0,
                 drop_rate: float = 0.0, seed: int = 0, dim: int = -1):
        rows = paths(parents, out_features)
        check_range(self, '[0, 1]', threshold=threshold)
        check_range(self, '[0, 1)', drop_rate=drop_rate)
        super().__init__(in_features, out_features, dim=dim, rows=len(parents))
        self.class_rows = slice(out_features)
        self.threshold = threshold
        self.drop_rate = drop_rate
        self.draws = Draws(seed)
        leaves = rows.flatten().bincount(minlength=len(parents) + 1)
        leaves[-1] = out_features  # the padding, never dropped
        self.register_buffer('paths', rows, persistent=False)
        self.register_buffer('parents', torch.as_tensor(parents), persistent=False)
        self.register_buffer('leaves', leaves, persistent=False)
        self._zero_inner()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self._zero_inner()

    @torch.no_grad()
    def _zero_inner(self):
        self.weight[self.out_features:] = 0
        self.bias[self.out_features:] = 0

    def logits(self, x: Tensor) -> Tensor:
        values = super().logits(x)
        return self._along_pruned(values) if self.training and self.drop_rate else self._along_paths(values)

    def _along_paths(self, values):
        """(..., V) -> (..., C): sums over each leaf's path."""
        values = F.pad(values, (0, 1))
        return sum(values.index_select(-1, level) for level in self.paths.t())

    def _along_pruned(self, values):
        """(..., V) -> (..., C): the same up to the first dropped node, each sample with a tree of its own."""
        values = F.pad(at_least_float32(values), (0, 1))
        rate = self.drop_rate * (self.leaves < self.out_features)
        draw = torch.rand(values.shape, generator=self.draws.generator(values.device), device=values.device)
        kept = (draw >= rate).to(values.dtype)
        values = values - (1 - kept) * self.leaves.to(values.dtype).log()
        total, alive = 0, 1
        for level in self.paths.t().flip(0):
            total = total + alive * values.index_select(-1, level)
            alive = alive * kept.index_select(-1, level)
        return total

    def node_log_probs(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., V): log-probability of each node among its siblings, float32 or better."""
        logits = super().logits(x)
        logits = logits.float() if logits.dtype != torch.float64 else logits
        family = (self.parents + 1).expand(logits.shape)
        width = (*logits.shape[:-1], len(self.parents) + 1)
        top = logits.detach().new_full(width, -torch.inf).scatter_reduce(-1, family, logits.detach(), 'amax')
        logits = logits - top.gather(-1, family)
        total = logits.new_zeros(width).scatter_add(-1, family, logits.exp())
        return logits - total.gather(-1, family).log()

    def node_loss(self, x: Tensor, target: Tensor):
        """Cross entropy among siblings, the mean over the nodes of the true path and over the batch.

        Args:
            x (Tensor): (N, D).
            target (Tensor): (N,) classes or (N, C) soft rows.
        """
        depth = (self.paths < len(self.parents)).sum(-1)
        leaves = self._along_paths(self.node_log_probs(x)) / depth
        if target.ndim == 1:
            return F.nll_loss(leaves, target)
        return -(target * leaves).sum(-1).mean()

    def own_losses(self, x: Tensor, target: Tensor):
        """What the head adds to its loss: :meth:`node_loss`."""
        return dict(loss_node=self.node_loss(x, target))

    @torch.no_grad()
    def predict(self, x: Tensor):
        """Descend from the root to the likeliest child while its probability reaches ``threshold``.

        Args:
            x (Tensor): features with the D at ``dim``.

        Returns:
            Tensor: int64 without that dimension: a leaf (< C), an inner node, or -1 for the root.
        """
        probs = self.node_log_probs(x.movedim(self.dim, -1)).exp()
        family = (self.parents + 1).expand(probs.shape)
        width = (*probs.shape[:-1], len(self.parents) + 1)
        best = probs.new_zeros(width).scatter_reduce(-1, family, probs, 'amax')
        nodes = torch.arange(len(self.parents), device=probs.device).expand(probs.shape)
        nodes = torch.where(probs == best.gather(-1, family), nodes, len(self.parents))
        child = nodes.new_full(width, len(self.parents)).scatter_reduce(-1, family, nodes, 'amin')
        best[..., 1:self.out_features + 1] = -1  # a leaf has no child
        node = nodes.new_full((*probs.shape[:-1], 1), -1)
        for _ in range(self.paths.shape[1]):
            node = torch.where(best.gather(-1, node + 1) >= self.threshold, child.gather(-1, node + 1), node)
        return node.squeeze(-1)

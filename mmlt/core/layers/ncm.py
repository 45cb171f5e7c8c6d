"""Nearest class mean.  N batch, D in_features, C out_features."""
import torch
from torch import Tensor

from ..dist import sum_over_ranks
from ..precision import at_least_float32, unit
from .base import ClassifierLayer


def ncm_scores(queries: Tensor, centroids: Tensor) -> Tensor:
    """(N, D), (C, D) -> (N, C): minus the squared distance to each class mean."""
    square = queries.square().sum(-1, keepdim=True) + centroids.square().sum(-1)
    return -(square - 2 * queries @ centroids.t()).clamp_min(0)


class NCMClassifier(ClassifierLayer):
    """Nearest class mean: ``z_c = -|q - mu_c|^2``. Kang et al., ICLR 2020, arXiv:1910.09217.

    Nothing trains: :meth:`fit` takes the training features once. The buffers are ``centroids`` (C, D), ``feat_mean``
    (D,) and ``counts`` (C,), the features seen of each class. A class without any is never predicted; before ``fit``
    all classes score alike. A linear checkpoint loads (its weight and bias are dropped). Float32 under autocast.

    Args:
        mode (str): what is averaged and asked: ``'un'``, the feature; ``'l2n'``, the feature in unit length;
            ``'cl2n'``, the feature minus the training set's mean, in unit length.

    Raises:
        ValueError: ``mode`` is none of these.

    >>> layer = NCMClassifier(2, 3, mode='un')
    >>> layer.fit(torch.tensor([[1., 0.], [3., 0.], [0., 2.], [0., 4.], [-1., 1.]]), torch.tensor([0, 0, 1, 1, 2]))
    >>> layer(torch.tensor([[2., 1.]]))
    tensor([[-1., -8., -9.]])
    """
    full_precision = True

    def __init__(self, in_features: int, out_features: int, mode: str = 'cl2n', dim: int = -1):
        super().__init__(in_features, out_features, dim)
        if mode not in ('cl2n', 'l2n', 'un'):
            raise ValueError(f'mode must be cl2n, l2n or un, got {mode!r}')
        self.mode = mode
        self.register_buffer('centroids', torch.zeros(out_features, in_features))
        self.register_buffer('feat_mean', torch.zeros(in_features))
        self.register_buffer('counts', torch.zeros(out_features, dtype=torch.int64))

    @torch.no_grad()
    def fit(self, features: Tensor, labels: Tensor, chunk: int = 16384):
        """Set the class means from all training features; every rank brings its own and all get the same.

        Args:
            features: (N, D) tensor or array, a memory-mapped one as well: ``chunk`` rows are read at a time.
            labels: (N,) class of each.

        Raises:
            ValueError: another shape, no row, a label that is no integer of 0 .. C-1, or a feature that is NaN or
                infinite.
        """
        labels = torch.as_tensor(labels)
        if tuple(features.shape) != (len(labels), self.in_features):
            raise ValueError(f'features must be ({len(labels)}, {self.in_features}), one row a label; '
                             f'got {tuple(features.shape)}')
        if labels.dtype.is_floating_point:
            raise ValueError(f'labels must be integers, got {labels.dtype}')
        bad = (labels < 0) | (labels >= self.out_features)
        if bad.any():
            raise ValueError(f'label {labels[bad][0].item()} lies outside 0 .. {self.out_features - 1}')
        device = self.centroids.device
        labels = labels.to(device, torch.int64)

        def chunks():
            for i in range(0, len(labels), chunk):
                x = features[i:i + chunk]
                x = x if isinstance(x, torch.Tensor) else torch.tensor(x)
                yield x.to(device, torch.float64), labels[i:i + chunk]

        total = torch.zeros(self.in_features, dtype=torch.float64, device=device)
        for x, _ in chunks():
            total += x.sum(0)
        counts = sum_over_ranks(torch.bincount(labels, minlength=self.out_features))
        if not counts.any():
            raise ValueError('no features to average; give at least one row')
        mean = sum_over_ranks(total) / counts.sum()
        if not mean.isfinite().all():
            raise ValueError('the features hold NaN or infinite values; check the checkpoint they were extracted with')
        sums = torch.zeros(self.centroids.shape, dtype=torch.float64, device=device)
        for x, y in chunks():
            sums.index_add_(0, y, self.transform(x, mean))
        self.centroids.copy_(sum_over_ranks(sums) / counts.clamp_min(1).unsqueeze(1))
        self.feat_mean.copy_(mean)
        self.counts.copy_(counts)

    def transform(self, x: Tensor, mean: Tensor) -> Tensor:
        """(..., D), (D,) -> (..., D): what ``mode`` makes of a feature."""
        if self.mode == 'un':
            return x
        return unit(x if self.mode == 'l2n' else x - mean)

    def logits(self, x: Tensor) -> Tensor:
        scores = ncm_scores(self.transform(x, self.feat_mean), at_least_float32(self.centroids))
        seen = self.counts > 0
        return scores.masked_fill(~seen & seen.any(), -torch.inf)

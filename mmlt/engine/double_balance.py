"""A warning of a sampler and a loss that both make up for the imbalance.  C classes."""
import warnings

from ..core.counts import as_counts


def warn_double_balance(sampler, loss, counts) -> None:
    """Warn if the tail is counted twice: by how often ``sampler`` draws it and by ``loss``. ``counts`` (C,)."""
    drawn = getattr(sampler, 'class_probabilities', None)
    if drawn is None or loss is None or counts is None:
        return
    drawn = as_counts(drawn, allow_empty=True)
    if abs(drawn - counts / counts.sum()).max() <= 0.05 * counts.max() / counts.sum():
        return
    names = type(getattr(sampler, 'current', sampler)).__name__, type(loss).__name__
    weights = loss.class_weights(len(counts)) if hasattr(loss, 'class_weights') else None
    if getattr(loss, 'corrects_prior', False):
        warnings.warn(f'{names[0]} already changes the class frequencies that {names[1]} corrects for: the tail is '
                      'counted twice. Use a plain shuffling sampler with this loss, or cross entropy with this '
                      'sampler.', stacklevel=1)
    elif weights is not None:
        share = drawn * weights.cpu()
        rarest = int(counts.masked_fill(counts == 0, float('inf')).argmin())
        times = share[rarest] / share.sum() * (counts > 0).sum()
        if times > 1.5:
            warnings.warn(f'{names[0]} and the weights of {names[1]} together count class {rarest} {times:.1f} '
                          'times as much as a balanced set would: the tail is counted twice. Use a plain shuffling '
                          'sampler with these weights, or no weights with this sampler.', stacklevel=1)

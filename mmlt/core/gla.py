"""The class prior inside a model that one did not train.  N images, C classes.

Zhu et al., Generalized Logit Adjustment: Calibrating Fine-tuned Models by Removing Label Bias in Foundation Models,
NeurIPS 2023, arXiv:2310.08106.
"""
import math

import torch
from torch import Tensor

from .counts import Counts, as_counts

CHUNK = 4096  # images in double precision at a time


def estimate_prior(logits: Tensor, labels: Tensor, class_counts: Counts | None = None, ridge: float = 1e-6,
                   steps: int = 100) -> Tensor:
    """(N, C) zero-shot logits, (N,) labels -> (C,) float64: the prior that the logits carry, which sums to 1.

    If the logits are log p(x | y) + log q(y) up to a constant of x, then logits - log q + log pi are the posterior of
    data with the prior pi, and no other q gives a smaller cross entropy there: q minimises it, a convex problem in log
    q. Both for the pre-training prior of a zero-shot model, which is unknown, and to check one that is known.

    Args:
        logits: of images that the model was not trained on, scaled as for a softmax (CLIP: times 100).
        labels: of these images.
        class_counts (sequence, optional): pi follows these counts; by default those of ``labels``. A class without an
            image takes the mean of the others' log q.
        ridge (float): weight of |log q - mean|^2 / C, which keeps log q finite where images separate perfectly.
        steps (int): at most so many of L-BFGS.

    Raises:
        ValueError: labels of another number, or outside the classes; logits that are not finite; no image.

    >>> logits = torch.tensor([[.6, .4], [.6, .4]]).log()           # says 0.6 whatever it sees
    >>> [round(q, 3) for q in estimate_prior(logits, torch.tensor([0, 1])).tolist()]
    [0.6, 0.4]
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f'logits are {tuple(logits.shape)}, labels {tuple(labels.shape)}; expected (N, C) and (N,), '
                         'with at least one image')
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f'labels run from {int(labels.min())} to {int(labels.max())}, expected 0 to '
                         f'{logits.shape[1] - 1}')
    if not logits.isfinite().all():
        raise ValueError('a zero-shot logit is not finite; look for broken images or an overflow in half precision')
    counts = torch.bincount(labels, minlength=logits.shape[1]) if class_counts is None else class_counts
    counts = as_counts(counts, logits.shape[1], allow_empty=True).double().to(logits.device)
    seen = counts > 0
    if not seen[labels].all():
        raise ValueError('class_counts has 0 for a class that has an image')
    place = seen.cumsum(0) - 1
    labels, prior = place[labels], (counts[seen] / counts.sum()).log()
    rows = torch.bincount(labels, minlength=len(prior)).double() / len(labels)
    log_q = torch.zeros_like(prior, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_q], max_iter=steps, tolerance_grad=1e-10, tolerance_change=1e-14,
                                  line_search_fn='strong_wolfe')

    def closure():
        """Cross entropy and its gradient, share of c in the labels - mean probability of c, a chunk at a time."""
        shift, loss, mean = prior - log_q.detach(), 0., torch.zeros_like(prior)
        for x, y in zip(logits.split(CHUNK), labels.split(CHUNK)):
            log_p = (x[:, seen].double() + shift).log_softmax(1)
            loss = loss - log_p.gather(1, y[:, None]).sum() / len(labels)
            mean += log_p.exp_().sum(0) / len(labels)
        centred = log_q.detach() - log_q.detach().mean()
        log_q.grad = rows - mean + 2 * ridge / len(prior) * centred
        return loss + ridge * centred.square().mean()

    optimizer.step(closure)
    result = torch.full_like(counts, float(log_q.detach().mean()))
    result[seen] = log_q.detach()
    return result.softmax(0)


def generalized_logit_adjustment(zero_shot: Tensor, prior: Tensor, fine_tuned: Tensor | None = None,
                                 class_counts: Counts | None = None) -> Tensor:
    """(N, C) -> (N, C): zero-shot logits without their prior, plus fine-tuned logits without theirs.

    Args:
        zero_shot: logits, scaled as for a softmax.
        prior: (C,) of :func:`estimate_prior`.
        fine_tuned (optional): logits of a model trained with cross entropy on data of ``class_counts``; one trained
            with a loss that corrects the prior has none left: leave ``class_counts`` out.

    Raises:
        ValueError: a prior of another length or that is not positive, or other shapes of logits.
    """
    if prior.shape != zero_shot.shape[-1:] or not (prior > 0).all():
        raise ValueError(f'the prior is {tuple(prior.shape)}, expected {zero_shot.shape[-1]} positive numbers')
    out = zero_shot - prior.log().to(zero_shot)
    if fine_tuned is None:
        return out
    if fine_tuned.shape != zero_shot.shape:
        raise ValueError(f'zero-shot logits are {tuple(zero_shot.shape)}, fine-tuned ones {tuple(fine_tuned.shape)}')
    if class_counts is not None:
        counts = as_counts(class_counts, fine_tuned.shape[-1]).to(fine_tuned)
        fine_tuned = fine_tuned - counts.log() + math.log(float(counts.sum()))
    return out + fine_tuned

"""Sharpness-aware minimization as an optimizer wrapper.  Weights w; shares s (C,), counts n (C,), pi = n / N."""
from contextlib import ExitStack, contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from ..core.checks import check_range
from ..core.counts import as_counts
from ..core.dist import sum_over_ranks, world_size
from .access import unwrap

__all__ = ['SAMOptimWrapper']


def perturbed_share(counts, form='sam', few=20, sharpness=0.8, gamma=3.2):
    """(C,) -> (C,): how much of a class's loss is taken at the perturbed weights.

    ``'sam'``: 1. ``'tail'``: 1 for classes with n < few, else 0. ``'focal'``: sharpness (1 - pi)^gamma.
    """
    if form == 'sam':
        return torch.ones_like(counts)
    if form == 'tail':
        return (counts < few).to(counts.dtype)
    return sharpness * (1 - counts / counts.sum())**gamma


class SAMOptimWrapper(OptimWrapper):
    """Descend at w with the gradient at w + rho g / |g|, g the gradient at w. Foret et al., ICLR 2021,
    arXiv:2010.01412.

    Every step runs the model twice, on the same preprocessed batch. The second pass leaves batch norm's running
    statistics alone. Over ranks both gradients are averaged, so all move alike.

    Two forms for long tails take a share s_c of each class's loss at the perturbed weights, whose direction is the
    gradient of that part alone, and the share 1 - s_c at w:

    - ``form='tail'`` is ImbSAM (Zhou et al., ICCV 2023, arXiv:2308.07815), s_c = 1 for classes of fewer than ``few``
      images, else 0;
    - ``form='focal'`` is Focal-SAM (Li et al., ICML 2025, arXiv:2505.01660), s_c = sharpness (1 - pi_c)^gamma; its
      commands for CIFAR-100-LT have rho 0.3, sharpness 0.8, gamma 3.2, for CIFAR-10-LT 0.2, 0.5, 3.0.

    They weigh the images inside the loss of an MMPretrain head, so the loss must take ``weight=`` (N,) and average over
    the batch, and the class counts must be known: ``class_counts``, or those of a part of the model.

    Args:
        rho (float): length of the perturbation; 0 is the plain optimizer at twice the price.
        form (str): ``'sam'``, ``'tail'`` or ``'focal'``.
        few (int): of ``'tail'``.
        sharpness, gamma (float): of ``'focal'``.
        class_counts: anything :func:`mmlt.core.counts.as_counts` takes.
        dtype (str, optional): of autocast, as ``'bfloat16'``.

    Raises:
        ValueError: gradients are to be accumulated; a form that is none of these.
        RuntimeError: ``'tail'`` or ``'focal'`` without class counts or loss module.
    """

    def __init__(self, optimizer, rho=0.05, form='sam', few=20, sharpness=0.8, gamma=3.2, class_counts=None, dtype=None,
                 **kwargs):
        check_range(self, '[0, inf)', rho=rho, few=few, gamma=gamma)
        check_range(self, '[0, 1]', sharpness=sharpness)
        if form not in ('sam', 'tail', 'focal'):
            raise ValueError(f"SAMOptimWrapper: form must be 'sam', 'tail' or 'focal', got {form!r}")
        super().__init__(optimizer, **kwargs)
        if self._accumulative_counts != 1:
            raise ValueError(f'SAMOptimWrapper: accumulative_counts={self._accumulative_counts}; every batch has a '
                             'perturbation of its own, so gradients cannot be accumulated: use a larger batch')
        self.rho, self.form = rho, form
        self.settings = dict(form=form, few=few, sharpness=sharpness, gamma=gamma)
        self.counts = None if class_counts is None else as_counts(class_counts)
        self.dtype = None if dtype is None else getattr(torch, dtype)
        self._model = self._call = self._loss_call = None

    @contextmanager
    def optim_context(self, model):
        """Remember how the model is called, and what its loss is given."""
        self._model = model
        handles = [model.register_forward_pre_hook(self._note_call, with_kwargs=True)]
        if self.form != 'sam':
            handles.append(self._loss_module().register_forward_pre_hook(self._note_loss, with_kwargs=True))
        try:
            with self._forward():
                yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def _forward(self):
        with ExitStack() as stack:
            if hasattr(self._model, 'no_sync'):
                stack.enter_context(self._model.no_sync())
            if self.dtype is not None:
                device = next(self._model.parameters()).device
                stack.enter_context(torch.autocast(device.type, self.dtype))
            yield

    def _note_call(self, module, args, kwargs):
        self._call = args, kwargs

    def _note_loss(self, module, args, kwargs):
        if self._loss_call is None:
            self._loss_call = module, args, kwargs

    def _loss_module(self):
        model = unwrap(self._model)
        loss = getattr(getattr(model, 'head', model), 'loss_module', None)
        if loss is None:
            raise RuntimeError(f'SAMOptimWrapper(form={self.form!r}) weighs classes inside head.loss_module, which '
                               f'{type(model).__name__} does not have; use form="sam"')
        active = getattr(loss, 'active', loss)
        if getattr(active, 'avg', None) == 'weight':
            raise RuntimeError(f'SAMOptimWrapper(form={self.form!r}) splits the loss by class, {type(active).__name__} '
                               'divides by the sum of its weights; give it avg="batch"')
        return loss

    def _share(self, target):
        """Labels (N,) or rows (N, C) -> share (N,) of each image's loss."""
        counts = self.counts
        if counts is None:
            found = [m.class_counts for m in self._model.modules()
                     if getattr(m, 'class_counts', None) is not None and m.class_counts.numel()]
            if not found:
                raise RuntimeError(f'SAMOptimWrapper(form={self.form!r}) has no class counts; pass class_counts=, or '
                                   'add dict(type="ClassCountsHook") to custom_hooks and use LongTailClsHead')
            counts = found[0]
        share = perturbed_share(counts.to(target.device), **self.settings).float()
        return share[target] if target.ndim == 1 else target.float() @ share

    def _perturbed_part(self):
        """The part of the loss that is taken at the perturbed weights, from the last call of the loss."""
        (module, args, kwargs), self._loss_call = self._loss_call, None
        share = self._share(args[1])
        given = kwargs.get('weight')
        return module(*args, **dict(kwargs, weight=share if given is None else share * given))

    def update_params(self, loss, step_kwargs=None, zero_kwargs=None):
        """Climb, run the model again, descend."""
        params = [p for group in self.optimizer.param_groups for p in group['params'] if p.requires_grad]
        stays = None
        if self.form == 'sam':
            climb = _gradients(loss, params)
        else:
            climb = _gradients(self._perturbed_part(), params, retain_graph=True)
            stays = [torch.sub(*pair) for pair in zip(_gradients(loss, params), climb)]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in climb])) + 1e-12
        kept = [p.detach().clone() for p in params]
        with torch.no_grad():
            for p, g in zip(params, climb):
                p.add_(g * (self.rho / norm).to(g.dtype))
        args, kwargs = self._call
        with _same_statistics(self._model), self.optim_context(self._model):
            losses = self._model(*args, **kwargs)
        loss = unwrap(self._model).parse_losses(losses)[0] if self.form == 'sam' else self._perturbed_part()
        grads = _gradients(loss, params)
        with torch.no_grad():
            for i, p in enumerate(params):
                p.copy_(kept[i])
                p.grad = grads[i] if stays is None else grads[i] + stays[i]
        self._inner_count += 1
        self._call = None
        self.step(**(step_kwargs or {}))
        self.zero_grad(**(zero_kwargs or {}))


def _gradients(loss, params, retain_graph=False):
    """Gradients of a loss, averaged over the ranks; 0 where it does not reach."""
    grads = torch.autograd.grad(loss, params, retain_graph=retain_graph, allow_unused=True)
    grads = [torch.zeros_like(p) if g is None else g for p, g in zip(params, grads)]
    sum_over_ranks(*grads)
    return [g / world_size() for g in grads]


@contextmanager
def _same_statistics(model):
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.momentum is not None]
    momenta = [m.momentum for m in norms]
    for m in norms:
        m.momentum = 0.0
    try:
        yield
    finally:
        for m, momentum in zip(norms, momenta):
            m.momentum = momentum

"""Which losses count, learnt from balanced images.  N images."""
import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, OPTIMIZERS
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...core.checks import check_integer
from ...core.losses import MetaWeightLoss
from ...core.meta_sampling import share_gradient
from ..access import unwrap
from ..partners import PartnerStream
from ..stages.loss import StagedLoss


class MetaWeightHook(Hook):
    """Before every step, teach the network of ``MetaWeightLoss``. Shu et al., NeurIPS 2019, arXiv:1902.07379.

    A step of plain SGD moves a copy of the whole model on the batch, weighed as now. The cross entropy of a
    class-balanced batch after it gives the gradient, in which the weights are constants of that step, as in the paper
    (their code for long tails lets them follow the losses). The slope of each image's loss comes from one pass in
    forward mode, so nothing is differentiated twice. Batch norm's running statistics stay as they are; mixed precision
    does not reach these passes.

    Without ``dataset``, the balanced images are drawn from the training set, with replacement, and their losses vanish
    as the model learns it by heart. The authors take ten a class beside the training set: keep such images apart, and
    never those of the test.

    Args:
        dataset (dict, optional): the config of a data set whose images, each class as often as any other, are the
            balanced ones.
        optimizer (dict, optional): of ``weight_net``; the default is ``Adam``, with a rate of 1e-3 and a weight decay
            of 1e-4, as the authors release it for noisy labels. For long tails they release SGD with a rate of 1e-5,
            which leaves the weights where they began.
        meta_batch (int, optional): balanced images on each rank, by default those of a training batch.

    Raises:
        ValueError: no part of the model is a ``MetaWeightLoss``.
    """

    priority = 'VERY_LOW'  # after RandomStateHook
    state = None

    def __init__(self, dataset=None, optimizer=None, meta_batch=None):
        if meta_batch is not None:
            check_integer(self, 1, meta_batch=meta_batch)
        self.optimizer_cfg = optimizer or dict(type='Adam', lr=1e-3, weight_decay=1e-4)
        self.dataset_cfg, self.meta_batch = dataset, meta_batch

    def before_train(self, runner):
        parts = list(unwrap(runner.model).modules())
        self.loss = next((m for m in parts if isinstance(m, MetaWeightLoss)), None)
        self.staged = next((m for m in parts if isinstance(m, StagedLoss)), None)
        if self.loss is None:
            raise ValueError('MetaWeightHook teaches a MetaWeightLoss, the model has none; set '
                             "model.head.loss=dict(type='MetaWeightLoss'), or drop the hook")
        size = runner.train_dataloader.batch_sampler.batch_size
        self.meta_batch = min(self.meta_batch or size, size)
        self.optimizer = OPTIMIZERS.build(dict(self.optimizer_cfg, params=list(self.loss.weight_net.values())))
        if self.state is not None:
            self.optimizer.load_state_dict(self.state)
        dataset = None if self.dataset_cfg is None else DATASETS.build(self.dataset_cfg)
        self.stream = PartnerStream(runner, 0, number=2, dataset=dataset)

    def before_train_epoch(self, runner):
        self.stream.begin(runner)

    def after_train_epoch(self, runner):
        self.stream.stop()

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        model, seen = unwrap(runner.model), []
        if self.staged is not None and self.staged.active is not self.loss:
            return
        batch = model.data_preprocessor(data_batch, True)
        inputs, samples = self.stream.take(self.meta_batch)

        def losses(params, inputs=batch['inputs'], samples=batch['data_samples']):
            buffers = {name: b.clone() for name, b in model.named_buffers()}
            functional_call(model, {**params, **buffers}, (inputs, samples), dict(mode='loss'))
            logits, target = seen.pop()
            return F.cross_entropy(logits.float(), target, reduction='none')

        params = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
        note = self.loss.register_forward_pre_hook(lambda loss, args: seen.append(args[:2]))
        try:
            with sdpa_kernel(SDPBackend.MATH):  # the others have no forward mode
                own, slope = share_gradient(losses, lambda p: losses(p, inputs, samples).mean(), params,
                                            self.loss.shares, runner.optim_wrapper.get_lr()['lr'][0])
        finally:
            note.remove()
        net = self.loss.weight_net
        taught = {name: p.detach().requires_grad_() for name, p in net.items()}
        gradients = torch.autograd.grad(self.loss.shares(own, taught) @ slope, taught.values())
        for p, gradient in zip(net.values(), gradients):
            all_reduce(gradient, 'mean')
            p.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad()

    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint['mmlt_meta_weight'] = self.optimizer.state_dict()

    def after_load_checkpoint(self, runner, checkpoint):
        if runner._resume:
            self.state = checkpoint.get('mmlt_meta_weight')

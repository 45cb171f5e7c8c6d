"""Hooks behind the samplers that follow the training.  N images, C classes, D features."""
import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from ...core.checks import check_integer
from ...core.meta_sampling import class_log_rates, draw_gradient, gumbel_given, weight_gradient
from ...core.random import seeded_generator
from ...data.samplers import AccuracyDrivenSampler, MetaSampler
from ..access import evaluating, unwrap
from ..partners import PartnerStream


class LossHook(Hook):
    """Base: :meth:`watch` sees the logits and the labels of every training step when the head's loss is called."""

    sampler_type = None

    def before_train(self, runner):
        name = type(self).__name__
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(f'{name} counts epochs, the run has {type(runner.train_loop).__name__}; set '
                             'train_cfg=dict(by_epoch=True, max_epochs=...)')
        sampler = runner.train_dataloader.batch_sampler.sampler
        self.samplers = [s for s in getattr(sampler, 'samplers', [sampler]) if isinstance(s, self.sampler_type)]
        if not self.samplers:
            raise ValueError(f'{name} goes with {self.sampler_type.__name__}, the training set is drawn by '
                             f'{type(sampler).__name__}; set train_dataloader.sampler, or drop the hook')
        model = unwrap(runner.model)
        loss = getattr(getattr(model, 'head', model), 'loss_module', None)
        if loss is None:
            raise ValueError(f'{name} listens to head.loss_module, which {type(model).__name__} does not have')
        self.runner = runner
        self.handle = loss.register_forward_pre_hook(self._watch)

    def after_train(self, runner):
        self.handle.remove()

    def _watch(self, loss, args):
        if loss.training and torch.is_grad_enabled():
            logits, target = args[0].detach(), args[1]
            self.watch(logits.mean(0) if logits.ndim == 3 else logits, target if target.ndim == 1 else target.argmax(1))

    def watch(self, logits, labels):
        """(N, C), (N,)."""


class ClassAccuracyHook(LossHook):
    """Give ``AccuracyDrivenSampler`` the accuracy of each class in the last epoch, from the predictions made in
    training, over all ranks. A class that was not drawn, or never right, counts as 0. It travels in the checkpoint.

    Raises:
        ValueError: no such sampler, no loss to listen to, or an iteration-based run.
    """

    sampler_type = AccuracyDrivenSampler
    accuracy = None

    def before_train(self, runner):
        super().before_train(runner)
        if self.accuracy is not None:
            self._hand_over()

    def before_train_epoch(self, runner):
        self.seen = torch.zeros(2, len(self.samplers[0].counts), dtype=torch.float64)

    def watch(self, logits, labels):
        self.seen = self.seen.to(labels.device)
        right = (logits.argmax(1) == labels).to(self.seen.dtype)
        self.seen.index_add_(1, labels, torch.stack([right, torch.ones_like(right)]))

    def after_train_epoch(self, runner):
        all_reduce(self.seen)
        self.accuracy = (self.seen[0] / self.seen[1].clamp(min=1)).cpu()
        self._hand_over()

    def _hand_over(self):
        for sampler in self.samplers:
            sampler.set_class_accuracy(self.accuracy)

    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint['mmlt_class_accuracy'] = self.accuracy

    def after_load_checkpoint(self, runner, checkpoint):
        if runner._resume:
            self.accuracy = checkpoint.get('mmlt_class_accuracy')


class MetaSamplerHook(LossHook):
    """After every step, teach ``MetaSampler`` which classes to draw. Ren et al., NeurIPS 2020, arXiv:2007.10740.

    One differentiable step of SGD moves the classifier on the features of the batch, under balanced softmax; the cross
    entropy of a class-balanced batch of the training set after it gives the gradient. The backbone is meant to be
    frozen. The authors take the balanced batch from the validation split on ImageNet-LT and Places-LT; here it
    never is.

    Args:
        meta_batch (int, optional): images of the balanced batch on each rank, by default those of a training batch.
        path (str): the classifier.

    Raises:
        ValueError: no such sampler, no loss to listen to, or an iteration-based run.
    """

    sampler_type = MetaSampler
    state = None

    def __init__(self, meta_batch=None, path='head.fc'):
        if meta_batch is not None:
            check_integer(self, 1, meta_batch=meta_batch)
        self.meta_batch, self.path = meta_batch, path

    def before_train(self, runner):
        super().before_train(runner)
        size = runner.train_dataloader.batch_sampler.batch_size
        self.sampler = self.samplers[0]
        self.sampler.block = size * get_world_size()
        if self.state is not None:
            self.sampler.load_state_dict(self.state)
        self.layer = unwrap(runner.model).get_submodule(self.path)
        self.feats_handle = self.layer.register_forward_pre_hook(self._note_feats)
        self.stream = PartnerStream(runner, 0, number=1)
        self.meta_batch = min(self.meta_batch or size, size)

    def before_train_epoch(self, runner):
        self.stream.begin(runner)

    def after_train_epoch(self, runner):
        self.stream.stop()

    def after_train(self, runner):
        super().after_train(runner)
        self.feats_handle.remove()

    def _note_feats(self, layer, args):
        self.feats = args[0].detach().float()

    def watch(self, logits, labels):
        runner, model = self.runner, unwrap(self.runner.model)
        feats, counts = self.feats, self.sampler.counts.to(logits.device, torch.float64)
        with torch.no_grad(), evaluating(model):
            inputs, samples = self.stream.take(self.meta_batch)
            meta_feats = model.head.pre_logits(model.extract_feat(inputs)).float()
        meta_labels = torch.cat([sample.gt_label for sample in samples])
        params = {name: p.detach() for name, p in self.layer.named_parameters()}
        group, buffers = self._sgd()
        with torch.autocast(logits.device.type, enabled=False):
            slope = draw_gradient(
                self.layer, params, feats, labels, counts.log().clamp(min=-1e4).float(), meta_feats, meta_labels,
                group['lr'], momentum_buffers=buffers, momentum=group.get('momentum', 0.0),
                weight_decay=group.get('weight_decay', 0.0))
        weights = self.sampler.weights.detach().to(counts)
        noise = gumbel_given(class_log_rates(weights, counts), labels,
                             seeded_generator(runner.seed or 0, runner.iter, get_rank(), 2))
        gradient = weight_gradient(weights, counts, noise, labels, slope.double(), self.sampler.temperature)
        all_reduce(gradient, 'mean')
        self.sampler.update(gradient)

    def _sgd(self):
        """The optimizer's settings and momentum for the classifier."""
        optimizer = self.runner.optim_wrapper.optimizer
        own = dict(self.layer.named_parameters())
        ids = {id(p) for p in own.values()}
        group = next((g for g in optimizer.param_groups if ids & {id(p) for p in g['params']}), optimizer.defaults)
        buffers = {name: optimizer.state[p]['momentum_buffer'] for name, p in own.items()
                   if optimizer.state.get(p, {}).get('momentum_buffer') is not None}
        return group, buffers

    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint['mmlt_meta_sampler'] = self.sampler.state_dict()

    def after_load_checkpoint(self, runner, checkpoint):
        if runner._resume:
            self.state = checkpoint.get('mmlt_meta_sampler')

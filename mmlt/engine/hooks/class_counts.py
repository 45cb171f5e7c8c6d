"""Class counts of the training set, handed to every part that asks for them."""
from mmengine.hooks import Hook

from ...core.counts import as_counts, shot_groups
from ...data.annotations import read_counts
from ...data.labels import class_counts as count_classes
from ...data.labels import labels_of, num_classes_of
from ..access import batch_augments, ema_models, give_counts, prepare_augments, unwrap
from ..double_balance import warn_double_balance
from ..ema_keys import follow_buffers, mend_ema_keys
from ..head_checks import attach_predictors, check_heads, check_losses, other_classes
from ..label_checks import refuse_multi_label
from ..load import saved_counts
from ..loader import counts_iterations
from ..loss_keys import keep_loss_keys
from ..pipelines import number_samples
from ..teacher_checks import check_resumed, check_teachers, record_teachers


class ClassCountsHook(Hook):
    """Count the training set once and call ``set_class_counts`` on every module, batch augmentation and metric.

    One that was given ``class_counts`` keeps them; if they differ, the log says so.

    Counts are those of the data set as it is (through its wrappers), not of what a sampler draws. They are set in
    ``before_train``, so they win over the counts in a ``load_from`` checkpoint, and they travel in
    ``checkpoint['meta']['class_counts']``, so that a test run has them without the training set. A sampler and a loss
    that together over-correct give a warning. A metric's many, medium and few are by the images that people labelled,
    without those of ``PseudoLabels``. With the hook, the loss of MMPretrain's ``TimmClassifier`` and
    ``HuggingFaceClassifier`` keeps its state on resume, which those load into the backbone.

    Args:
        class_counts (sequence or str, optional): use these counts (C,), or this json file, instead of counting.

    Raises:
        ValueError: a head has another number of classes than the data, a label lies outside the classes, or a class
            has no image and a loss needs its prior.
    """

    priority = 'VERY_HIGH'

    def __init__(self, class_counts=None):
        self.given = class_counts
        self.counts = None
        self.labelled = None  # without the labels of a model, where there are some
        self.instances = None
        self.num_images = None
        self.foreign = None
        self.pair = None

    def before_run(self, runner):
        keep_loss_keys(unwrap(runner.model))

    def before_train(self, runner):
        if self.foreign and runner._resume:
            raise ValueError(self.foreign)
        if self.foreign:
            runner.logger.warning(f'{self.foreign}; the classifier starts anew')
        model, dataset = unwrap(runner.model), runner.train_dataloader.dataset
        if self._pixel_parts(model):
            return
        classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
        self._count(dataset)
        check_heads(model, self.counts, self.given)
        check_losses(model)
        attach_predictors(model)
        mend_ema_keys(runner)
        refuse_multi_label(model)
        check_teachers(model, self.counts, classes)
        self._hand_over(runner)
        for copy in ema_models(runner):
            self._set(copy.modules())
        self._log(runner, classes)

    def _pixel_parts(self, model):
        """True if the model's parts want pixels, which are not counted here: they keep the counts that they have."""
        parts = [module for module in model.modules() if getattr(module, 'count_unit', None) == 'pixel']
        for part in parts:
            if self.given is not None and not part.class_counts.numel():
                part.set_class_counts(self.given)
            part.check_counts()
        return bool(parts)

    def _count(self, dataset):
        self.num_images = len(dataset)
        if self.given is None:
            labels, num_classes = labels_of(dataset), num_classes_of(dataset)
            counts, instances = (count_classes(labels, num_classes, unit) for unit in ('image', 'instance'))
        else:
            counts, instances = (read_counts(self.given, unit) for unit in ('image', 'instance'))
        self.counts, self.instances = as_counts(counts, allow_empty=True), as_counts(instances, allow_empty=True)
        parts = getattr(dataset, 'datasets', ())
        own = [part for part in parts if not getattr(part, 'by_model', False)]
        self.labelled = None
        if self.given is None and 0 < len(own) < len(parts):
            self.labelled = as_counts(sum(count_classes(part, len(counts)) for part in own), allow_empty=True)

    def _hand_over(self, runner):
        model = unwrap(runner.model)
        self._set(model.modules())
        prepare_augments(batch_augments(model), model, self.counts)
        if runner.val_loop is not None:
            self._set(runner.val_evaluator.metrics, self.labelled)

    def _set(self, parts, counts=None):
        for part in parts:
            if getattr(part, 'num_images', 0) is None:
                part.num_images = self.num_images
            if hasattr(part, 'set_class_counts'):
                by_instance = getattr(part, 'count_unit', 'image') == 'instance' and self.instances is not None
                give_counts(part, counts if counts is not None else self.instances if by_instance else self.counts)

    def _log(self, runner, classes):
        n = self.counts.sort(descending=True).values
        labelled = self.counts if self.labelled is None else self.labelled
        present = n[n > 0]
        groups = ', '.join(f'{int(mask.sum())} {name}' for name, mask in shot_groups(labelled).items())
        runner.logger.info(
            f'Class counts: N={int(n.sum())}, C={len(n)}, largest {int(n[0])}, median {n.median():g}, '
            f'smallest {int(present[-1])}, imbalance factor {n[0] / present[-1]:.1f}; {groups}')
        empty = (self.counts == 0).nonzero().flatten().tolist()
        if empty:
            names = ', '.join(str(classes[c]) if classes else str(c) for c in empty[:10])
            runner.logger.warning(f'{len(empty)} empty classes without a training image: {names}'
                                  f'{", ..." if len(empty) > 10 else ""}; samplers never draw them')

    def before_train_epoch(self, runner):
        if any('sample_idx' in getattr(module, 'requires', ()) for module in unwrap(runner.model).modules()):
            number_samples(runner.train_dataloader.dataset)  # outside of the stages' pipelines
        follow_buffers(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        model, by_iteration = unwrap(runner.model), counts_iterations(runner)
        if batch_idx == 0 or by_iteration:
            for augment in batch_augments(model):
                if hasattr(augment, 'set_epoch'):
                    augment.set_epoch(runner.iter if by_iteration else runner.epoch)
        sampler = getattr(runner.train_dataloader.batch_sampler, 'sampler', None)
        loss = getattr(getattr(model, 'head', model), 'loss_module', None)
        pair = getattr(sampler, 'current', sampler), getattr(loss, 'active', loss)
        if batch_idx == 0 or pair != self.pair:
            self.pair = pair
            warn_double_balance(sampler, pair[1], self.counts)

    # a test run has no training set: the counts come with the checkpoint

    def before_save_checkpoint(self, runner, checkpoint):
        if self.counts is not None:
            checkpoint['meta']['class_counts'] = self.counts.tolist()
        if self.labelled is not None:
            checkpoint['meta']['labelled_counts'] = self.labelled.tolist()
        record_teachers(unwrap(runner.model), checkpoint)

    def after_load_checkpoint(self, runner, checkpoint):
        if self.counts is None:
            self.counts, self.labelled = saved_counts(checkpoint), saved_counts(checkpoint, 'labelled_counts')
        if runner._resume:
            check_resumed(unwrap(runner.model), checkpoint)
        self.foreign = other_classes(unwrap(runner.model), checkpoint)

    def before_val(self, runner):
        self._set_metrics(runner.val_evaluator)

    def before_test(self, runner):
        if self.foreign:
            raise ValueError(self.foreign)
        self._set_metrics(runner.test_evaluator)

    def _set_metrics(self, evaluator):
        if self.counts is None and self.given is not None:
            self.counts = as_counts(self.given, allow_empty=True)
        if self.counts is not None:
            self._set((metric for metric in evaluator.metrics if getattr(metric, 'own_counts', None) is None),
                      self.labelled)

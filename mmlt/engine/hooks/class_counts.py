"""Class counts of the training set, handed to every part that asks for them."""
import warnings

from mmengine.hooks import Hook

from mmlt.core.counts import as_counts, shot_groups
from mmlt.data.annotations import read_counts
from mmlt.data.labels import class_counts as count_classes
from mmlt.data.labels import labels_of, num_classes_of
from mmlt.engine.access import batch_augments, ema_models, give_counts, prepare_augments, unwrap
from mmlt.engine.ema_keys import mend_ema_keys
from mmlt.engine.label_checks import refuse_multi_label
from mmlt.engine.load import saved_counts
from mmlt.engine.pipelines import number_samples
from mmlt.engine.teacher_checks import check_resumed, check_teachers, teachers_of


class ClassCountsHook(Hook):
    """Count the training set once and call ``set_class_counts`` on every module, batch augmentation and metric.

    One that was given ``class_counts`` keeps them; if they differ, the log says so.

    Counts are those of the data set as it is (through its wrappers), not of what a sampler draws. They are set in
    ``before_train``, so they win over the counts in a ``load_from`` checkpoint, and they travel in
    ``checkpoint['meta']['class_counts']``, so that a test run has them without the training set. A sampler and a loss
    that together over-correct give a warning. With the hook, the loss of MMPretrain's ``TimmClassifier`` and
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
        self.instances = None
        self.num_images = None
        self.foreign = None

    def before_run(self, runner):
        model = unwrap(runner.model)
        if hasattr(model, '_add_state_dict_prefix') and hasattr(model, 'loss_module'):
            model._register_load_state_dict_pre_hook(_restore_loss_keys)  # runs after the model's own

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
        for name, module in model.named_modules():
            expected = getattr(module, 'num_classes', None)
            head = name.startswith('head') or 'bbox_head' in name
            if isinstance(expected, int) and head and expected != len(self.counts):
                if self.given is not None:
                    raise ValueError(f'class_counts={self.given} of ClassCountsHook has {len(self.counts)} entries, '
                                     f'{name} ({type(module).__name__}) num_classes={expected}')
                raise ValueError(f'{name} ({type(module).__name__}) has num_classes={expected}, the training set has '
                                 f'{len(self.counts)} classes; set num_classes={len(self.counts)} in the config')
            if hasattr(module, 'fc_cls') and hasattr(module, 'cls_predictor_cfg'):
                self._check_predictor(name, module)
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

    @staticmethod
    def _check_predictor(name, head):
        kind = head.cls_predictor_cfg.get('type')
        kind = kind.rpartition('.')[2] if isinstance(kind, str) else getattr(kind, '__name__', kind)
        if type(head.fc_cls).__name__ != kind:
            raise ValueError(f'{name} ({type(head).__name__}) has cls_predictor_cfg of type {kind} and builds '
                             f'{type(head.fc_cls).__name__} all the same; use ConvFCBBoxHead or one of its kin, or '
                             f'SwapClassifier(path="{name}.fc_cls")')
        if hasattr(head.fc_cls, 'attach'):
            head.fc_cls.attach(head)

    def _hand_over(self, runner):
        model = unwrap(runner.model)
        self._set(model.modules())
        prepare_augments(batch_augments(model), model, self.counts)
        if runner.val_loop is not None:
            self._set(runner.val_evaluator.metrics)

    def _set(self, parts):
        for part in parts:
            if hasattr(part, 'set_class_counts'):
                by_instance = getattr(part, 'count_unit', 'image') == 'instance' and self.instances is not None
                give_counts(part, self.instances if by_instance else self.counts)
            if getattr(part, 'num_images', 0) is None:
                part.num_images = self.num_images

    def _log(self, runner, classes):
        n = self.counts.sort(descending=True).values
        present = n[n > 0]
        groups = ', '.join(f'{int(mask.sum())} {name}' for name, mask in shot_groups(self.counts).items())
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

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0:
            for augment in batch_augments(unwrap(runner.model)):
                if hasattr(augment, 'set_epoch'):
                    augment.set_epoch(runner.epoch)
            self._warn_over_correction(runner)

    def _warn_over_correction(self, runner):
        sampler = getattr(runner.train_dataloader.batch_sampler, 'sampler', None)
        drawn = getattr(sampler, 'class_probabilities', None)
        model = unwrap(runner.model)
        loss = getattr(getattr(model, 'head', model), 'loss_module', None)
        if drawn is None or loss is None or self.counts is None:
            return
        loss, drawn, prior = getattr(loss, 'active', loss), as_counts(drawn, allow_empty=True), self.counts
        if abs(drawn - prior / prior.sum()).max() <= 0.05 * prior.max() / prior.sum():
            return
        names = type(getattr(sampler, 'current', sampler)).__name__, type(loss).__name__
        weights = loss.class_weights(len(prior)) if hasattr(loss, 'class_weights') else None
        if getattr(loss, 'corrects_prior', False):
            warnings.warn(f'{names[0]} already changes the class frequencies that {names[1]} corrects for: the tail is '
                          'counted twice. Use a plain shuffling sampler with this loss, or cross entropy with this '
                          'sampler.', stacklevel=1)
        elif weights is not None:
            share = drawn * weights.cpu()
            rarest = int(prior.masked_fill(prior == 0, float('inf')).argmin())
            times = share[rarest] / share.sum() * (prior > 0).sum()
            if times > 1.5:
                warnings.warn(f'{names[0]} and the weights of {names[1]} together count class {rarest} {times:.1f} '
                              'times as much as a balanced set would: the tail is counted twice. Use a plain shuffling '
                              'sampler with these weights, or no weights with this sampler.', stacklevel=1)

    # a test run has no training set: the counts come with the checkpoint

    def before_save_checkpoint(self, runner, checkpoint):
        if self.counts is not None:
            checkpoint['meta']['class_counts'] = self.counts.tolist()
        teachers = teachers_of(unwrap(runner.model))
        if teachers:
            checkpoint['meta']['teachers'] = {name: teacher.record() for name, teacher in teachers.items()}

    def after_load_checkpoint(self, runner, checkpoint):
        if self.counts is None:
            self.counts = saved_counts(checkpoint)
        if runner._resume:
            check_resumed(unwrap(runner.model), checkpoint.get('meta', {}).get('teachers', {}))
        head, name = getattr(unwrap(runner.model), 'head', None), 'head.fc.weight'
        weight, own = checkpoint.get('state_dict', {}).get(name), getattr(getattr(head, 'fc', None), 'weight', None)
        if weight is not None and own is not None and not {head.num_classes, len(own)} & set(weight.shape):
            self.foreign = (f'the checkpoint is of another number of classes: {name} has {len(weight)} rows, the model '
                            f'{head.num_classes} classes; check the config or set num_classes')

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
            self._set(metric for metric in evaluator.metrics if getattr(metric, 'own_counts', None) is None)


def _restore_loss_keys(state_dict, prefix, *args):
    """Undo what MMPretrain's classifiers of other libraries do to the loss: they put ``model.`` before every key."""
    wrong = f'{prefix}model.loss_module.'
    for key in [key for key in state_dict if key.startswith(wrong)]:
        state_dict[f'{prefix}loss_module.{key[len(wrong):]}'] = state_dict.pop(key)

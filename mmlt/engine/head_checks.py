"""Heads against the training set, against their losses and against a checkpoint.  C classes."""
from torch import nn


def check_heads(model, counts, given=None) -> None:
    """Compare the number of classes of every head, and of soft labels, with the counts (C,), which are ``given`` or
    counted.

    Raises:
        ValueError: they differ.
    """
    for name, module in model.named_modules():
        expected = getattr(module, 'num_classes', None)
        head = name.startswith('head') or 'bbox_head' in name
        if isinstance(expected, int) and head and expected != len(counts):
            if given is not None:
                raise ValueError(f'class_counts={given} of ClassCountsHook has {len(counts)} entries, '
                                 f'{name} ({type(module).__name__}) num_classes={expected}')
            raise ValueError(f'{name} ({type(module).__name__}) has num_classes={expected}, the training set has '
                             f'{len(counts)} classes; set num_classes={len(counts)} in the config')
    soft = getattr(model, 'data_preprocessor', None)
    if getattr(soft, 'to_onehot', False) and soft.num_classes not in (None, len(counts)):
        raise ValueError(f'data_preprocessor makes labels of num_classes={soft.num_classes}, the training set has '
                         f'{len(counts)} classes; set data_preprocessor.num_classes={len(counts)} in the config')


def check_losses(model) -> None:
    """Before the first step, refuse a loss, of any stage, that reads what its head has not.

    Raises:
        ValueError: features where each expert has its own, or the weight of a layer that is not linear.
    """
    for head in model.modules():
        staged = getattr(getattr(head, 'loss_module', None), 'losses', None)
        for loss in staged if isinstance(staged, nn.ModuleList) else [getattr(head, 'loss_module', None)]:
            kind, wanted, layer = type(loss).__name__, getattr(loss, 'requires', ()), getattr(head, 'fc', None)
            if 'feats' in wanted and getattr(head, 'feats_apart', False):
                raise ValueError(f'{kind} reads the features of one network, in {type(head).__name__} each expert has '
                                 'its own; take a loss of the logits')
            if 'class_vectors' in wanted and type(layer) is not nn.Linear:
                raise ValueError(f'{kind} reads the weight of a linear classifier, {type(head).__name__} has '
                                 f'{type(layer).__name__}; leave out its classifier, or take another loss')


def attach_predictors(model) -> None:
    """Let the classifier layers of MMDetection's box heads know their head, where they ask for it.

    Raises:
        ValueError: a head ignores its ``cls_predictor_cfg``.
    """
    for name, head in model.named_modules():
        if not (hasattr(head, 'fc_cls') and hasattr(head, 'cls_predictor_cfg')):
            continue
        kind = head.cls_predictor_cfg.get('type')
        kind = kind.rpartition('.')[2] if isinstance(kind, str) else getattr(kind, '__name__', kind)
        if type(head.fc_cls).__name__ != kind:
            raise ValueError(f'{name} ({type(head).__name__}) has cls_predictor_cfg of type {kind} and builds '
                             f'{type(head.fc_cls).__name__} all the same; use ConvFCBBoxHead or one of its kin, or '
                             f'SwapClassifier(path="{name}.fc_cls")')
        if hasattr(head.fc_cls, 'attach'):
            head.fc_cls.attach(head)


def other_classes(model, checkpoint) -> str | None:
    """Why the checkpoint is of another number of classes than the model's head; None if it is not."""
    head, name = getattr(model, 'head', None), 'head.fc.weight'
    weight, own = checkpoint.get('state_dict', {}).get(name), getattr(getattr(head, 'fc', None), 'weight', None)
    if weight is not None and own is not None and not {head.num_classes, len(own)} & set(weight.shape):
        return (f'the checkpoint is of another number of classes: {name} has {len(weight)} rows, the model '
                f'{head.num_classes} classes; check the config or set num_classes')

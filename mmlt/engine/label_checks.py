"""Losses and the kind of labels that reach them."""


def refuse_multi_label(model):
    """Check that no head with a softmax has a multi-label loss, unless the labels are made one-hot on purpose.

    Labels of one class stop such a loss by themselves; those that a mixup makes would pass for multi-hot rows.

    Raises:
        ValueError: a head has one.
    """
    if getattr(getattr(model, 'data_preprocessor', None), 'to_onehot', False):
        return
    for module in model.modules():
        loss, kind = getattr(module, 'loss_module', None), type(module).__name__
        if getattr(loss, 'multi_label', False) and 'MultiLabel' not in kind:
            raise ValueError(f'{type(loss).__name__} is a multi-label loss, {kind} a softmax over classes that exclude '
                             'each other; use MultiLabelLinearClsHead with a multi-label data set, or a loss for one '
                             'label an image (data_preprocessor=dict(to_onehot=True) makes single labels multi-hot)')

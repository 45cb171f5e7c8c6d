"""The state of a loss in the checkpoints of MMPretrain's classifiers of other libraries."""


def keep_loss_keys(model) -> None:
    """Let the loss of a ``TimmClassifier`` or ``HuggingFaceClassifier`` find its state in a checkpoint.

    When they load, they put ``model.`` before every key, also before those of the loss, which lies beside the model.
    """
    renames = not {name for name, _ in model.named_parameters()} <= model.state_dict().keys()
    if renames and hasattr(model, 'loss_module'):
        model.register_load_state_dict_pre_hook(_restore)  # runs after the model's own


def _restore(model, state_dict, prefix, *args):
    wrong = f'{prefix}model.loss_module.'
    for key in [key for key in state_dict if key.startswith(wrong)]:
        state_dict[f'{prefix}loss_module.{key[len(wrong):]}'] = state_dict.pop(key)

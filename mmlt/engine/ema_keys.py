"""What the averaged copy of a model averages, and under which names it saves it."""
from itertools import chain

from .access import unwrap


def mend_ema_keys(runner):
    """Let the averaged copy of a model save itself under the names that the model itself saves.

    MMPretrain's ``TimmClassifier`` and ``HuggingFaceClassifier`` rename their state by returning another dict from a
    hook, which torch heeds in the outermost module alone. Inside EMA's wrapper the names are others then, and
    ``EMAHook`` ends in ``KeyError: 'model.cls_token'`` at the first checkpoint.
    """
    names = {name for name, _ in unwrap(runner.model).named_parameters()}
    if names <= unwrap(runner.model).state_dict().keys():
        return
    for hook in runner.hooks:
        if hasattr(hook, 'ema_model'):
            hook.ema_model.register_state_dict_post_hook(_name_as_the_model_does)


def follow_buffers(runner):
    """Let ``EMAHook(update_buffers=True)`` average the buffers that the copy of the model has now. It lists them before
    the training set is counted and a checkpoint loaded, which give a loss or classifier buffers of C classes."""
    for hook in runner.hooks:
        if hasattr(hook, 'ema_model') and hook.ema_model.update_buffers:
            hook.ema_model.avg_parameters = hook.ema_model.module.state_dict()


def _name_as_the_model_does(wrapper, state_dict, prefix, _):
    model, prefix = wrapper.module, f'{prefix}module.'
    own = {id(tensor): key for key, tensor in model.state_dict(keep_vars=True).items()}
    for name, tensor in chain(model.named_parameters(), model.named_buffers()):
        if id(tensor) in own and prefix + name in state_dict:
            state_dict[prefix + own[id(tensor)]] = state_dict.pop(prefix + name)

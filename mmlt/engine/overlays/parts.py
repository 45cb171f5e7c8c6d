"""Parts of a config that is a plain dict."""


def hooks(cfg):
    named = (cfg.get('default_hooks') or {}).values()
    return [hook for hook in [*named, *(cfg.get('custom_hooks') or [])] if isinstance(hook, dict)]


def staged(cfg):
    return next((hook['stages'] for hook in hooks(cfg) if hook.get('type') == 'StageSwitchHook'), [])


def inner_model(cfg):
    """The model's config inside ``SwapClassifier``."""
    model = cfg['model']
    while model.get('type') == 'SwapClassifier':
        model = model['model']
    return model

"""Backbones of timm, with weights that are seen to fit."""
import difflib
import sys
from pathlib import Path

import torch

from .load import read_checkpoint


def timm_backbone(name, weights=None, image_size=None, **kwargs):
    """``timm.create_model`` without its classifier: images (N, 3, H, W) -> pooled features (N, D).

    Args:
        name (str): of timm, as ``'vit_base_patch16_clip_224.openai'``.
        weights (str, optional): a file as timm, open_clip or a training with timm writes it; True for timm's own, which
            are downloaded; without, random.
        image_size (int, optional): another one than the model's own; position embeddings are resized.
        **kwargs: of ``timm.create_model``.

    Raises:
        ValueError: timm is missing or knows no such model; the weights are of another one, or cannot be had; images
            smaller than a patch, or no multiple of it.
        FileNotFoundError: there is no such file.
    """
    try:
        import timm
    except ImportError:
        raise ValueError(f'{name} is a model of timm: pip install "mmlt[timm]"') from None
    if name.split('.')[0] not in timm.list_models():
        near = difflib.get_close_matches(name.split('.')[0], timm.list_models(), 3)
        raise ValueError(f'timm has no model {name!r}; ' + (f'near names: {", ".join(near)}' if near else
                         f"look with timm.list_models('*{name[:4]}*')"))
    if image_size is not None and takes_image_size(name):
        kwargs['img_size'] = image_size
    try:
        model = timm.create_model(name, pretrained=weights is True, num_classes=0, **kwargs)
    except Exception as error:  # no network, no weights of that name, an argument that the model lacks
        raise ValueError(f'timm cannot make {name}: {type(error).__name__}: {error}'[:400] + (
            '; give --weights FILE' if weights is True else '')) from None
    check_patches(name, model, image_size)
    if weights and weights is not True:
        load_weights(model, name, str(weights))
    return model.eval()


def takes_image_size(name):
    """Whether the model is built for one size of image, as ViTs are."""
    import timm
    return bool(timm.get_pretrained_cfg(name.split('.')[0], allow_unregistered=True).fixed_input_size)


def check_patches(name, model, image_size):
    """Raise for images that the model cannot cut into patches."""
    patch = getattr(getattr(model, 'patch_embed', None), 'patch_size', None)
    if image_size is None or patch is None:
        return
    patch = max(patch) if isinstance(patch, (tuple, list)) else patch
    if image_size < patch or image_size % patch:
        fault = 'are smaller than its patches' if image_size < patch else 'are no multiple of its patches'
        raise ValueError(f'{name}: images of {image_size} px {fault} of {patch}; take a multiple of {patch}')


def load_weights(model, name, file):
    """Load a file into a model without classifier, every weight of it."""
    if not Path(file).is_file():
        raise FileNotFoundError(f'there is no file {file} of weights')
    own, classifiers = model.state_dict(), model.pretrained_cfg.get('classifier') or ()
    classifiers = tuple(f'{c}.' for c in ([classifiers] if isinstance(classifiers, str) else classifiers))
    filter_fn = getattr(sys.modules[type(model).__module__], 'checkpoint_filter_fn', None)
    foreign = f'{file} holds weights of another model than {name}'
    try:
        state = read_state(file)
        state = state if filter_fn is None else filter_fn(state, model)
    except (KeyError, IndexError, AttributeError, RuntimeError, TypeError) as error:
        raise ValueError(f'{foreign} ({type(error).__name__}: {error})'[:300]) from None
    state = {key: value for key, value in state.items() if not key.startswith(classifiers)}
    faults = [f'no {key}' for key in sorted(own.keys() - state.keys())]
    faults += [f'{key}, which the model has not' for key in sorted(state.keys() - own.keys())]
    faults += [f'{key} of {tuple(state[key].shape)}, not {tuple(own[key].shape)}'
               for key in sorted(own.keys() & state.keys()) if own[key].shape != state[key].shape]
    if faults:
        more = f', and {len(faults) - 1} more differences' if len(faults) > 1 else ''
        raise ValueError(f'{foreign}: it has {faults[0]}{more}; name the model that they were trained as')
    model.load_state_dict(state)


def read_state(file):
    """The weights in a file of PyTorch or safetensors, as data alone."""
    if file.endswith('.safetensors'):
        from safetensors.torch import load_file
        return load_file(file)
    if is_torchscript(file):
        raise ValueError(f'{file} is a TorchScript program, as OpenAI published CLIP; take model.safetensors of '
                         'timm/vit_base_patch16_clip_224.openai and its like, which hold the same weights')
    saved = read_checkpoint(file)
    for key in ('state_dict_ema', 'model_ema', 'state_dict', 'model'):
        if isinstance(saved.get(key), dict):
            saved = saved[key]
            break
    return {key.removeprefix('module.'): value for key, value in saved.items() if torch.is_tensor(value)}


def is_torchscript(file):
    import zipfile
    return zipfile.is_zipfile(file) and any(n.endswith('constants.pkl') for n in zipfile.ZipFile(file).namelist())

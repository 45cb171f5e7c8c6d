"""From open_clip's model to zero-shot rows: tools/text_head.py and mmlt refit --timm on one CLIP of random weights."""
import importlib.util
import json

import pytest
import torch
from toolbox import ROOT, tool

open_clip = pytest.importorskip('open_clip', reason='open_clip_torch is not installed')
pytest.importorskip('timm')
pytest.importorskip('mmpretrain')
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from mmlt.core.refit import linear  # noqa: E402
from mmlt.engine.refit import zero_shot  # noqa: E402
from mmlt.engine.timm_models import timm_backbone  # noqa: E402

NAMES = ['red_fox', 'wren']
TIMM = 'vit_xsmall_patch16_clip_224'


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """Random weights in a file, as open_clip publishes its own, and the text weights that the tool makes of them."""
    root = tmp_path_factory.mktemp('clip')
    (root / 'tiny-clip.json').write_text(json.dumps(dict(
        embed_dim=24, vision_cfg=dict(image_size=32, layers=10, width=256, patch_size=16),
        text_cfg=dict(context_length=77, vocab_size=49408, width=32, heads=2, layers=1))))
    open_clip.add_model_config(root / 'tiny-clip.json')
    torch.manual_seed(0)
    model = open_clip.create_model('tiny-clip').eval()
    torch.save(model.state_dict(), root / 'open_clip_pytorch_model.bin')
    (root / 'names.txt').write_text('\n'.join(NAMES))
    spec = importlib.util.spec_from_file_location('text_head_tool', ROOT / 'tools/text_head.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(['--classnames', str(root / 'names.txt'), '--model', 'tiny-clip', '--weights',
                 str(root / 'open_clip_pytorch_model.bin'), '--out', str(root / 'text.pth')])
    return model, root


@torch.no_grad()
def test_zero_shot_logits_are_those_of_open_clip(clip):
    model, root = clip
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    texts = open_clip.get_tokenizer('tiny-clip')([f'a photo of a {name.replace("_", " ")}.' for name in NAMES])
    expected = model.logit_scale.exp() * model.encode_image(images, normalize=True) @ model.encode_text(
        texts, normalize=True).T
    features = timm_backbone(TIMM, root / 'open_clip_pytorch_model.bin', image_size=32)(images)
    layer = zero_shot(root / 'text.pth', NAMES, linear(torch.zeros(2, 256)))
    torch.testing.assert_close(layer(features), expected, atol=1e-3, rtol=1e-3)
    saved = torch.load(root / 'text.pth')
    assert saved['weight'].shape == (2, 256) and saved['scale'] == pytest.approx(1 / 0.07, rel=1e-4)


def test_refit_with_texts(clip):
    root = clip[1]
    rng = np.random.RandomState(0)
    for name, count in zip(NAMES, (12, 6)):
        (root / 'birds' / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.randint(0, 255, (32, 32, 3), np.uint8)).save(root / 'birds' / name / f'{i}.png')
    results = tool('refit').main([
        '--timm', TIMM, '--weights', str(root / 'open_clip_pytorch_model.bin'), '--image-size', '32', '--data',
        str(root / 'birds'), '--text', str(root / 'text.pth'), '--methods', 'crt', '--out', str(root / 'out'),
        '--epochs', '1'])
    assert list(results) == ['joint', 'crt', 'zero_shot', 'zero_shot-gla', 'ensemble', 'gla']

"""Adapters against their formulas, on ViTs of timm and MMPretrain."""
import copy

import pytest
import torch
from torch import nn

from mmlt.core.layers.adapter_state import adapter_state, load_adapters
from mmlt.core.layers.adapters import AdaptFormer, add_adapters, auto_bottleneck, blocks_of, merge_adapters

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def vit(name='vit_tiny_patch16_224', **kwargs):
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    return timm.create_model(name, img_size=32, patch_size=8, depth=3, num_classes=5, **kwargs).eval()


def of_mmpretrain(**kwargs):
    models = pytest.importorskip('mmpretrain.models')
    torch.manual_seed(0)
    arch = dict(embed_dims=48, num_layers=3, num_heads=3, feedforward_channels=96)
    model = models.VisionTransformer(arch=arch, img_size=32, patch_size=8, **kwargs)
    model.eval()  # returns nothing
    return model


def out(model):
    result = model(IMAGES)
    return result[0] if isinstance(result, tuple) else result


def stir(model):
    """Give every adapter another value than the one it starts with."""
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    return model


def test_the_worked_example():
    adapter = AdaptFormer(2, 1, scale=.8)
    with torch.no_grad():
        for p, value in ((adapter.down.weight, [[.5, 1.]]), (adapter.down.bias, [.1]),
                         (adapter.up.weight, [[2.], [-1.]]), (adapter.up.bias, [.1, 0.])):
            p.copy_(torch.tensor(value))
    assert adapter(torch.tensor([1., 3.])).tolist() == pytest.approx([1.039996, -.479998], abs=2e-6)


def test_naive_in_float64():
    torch.manual_seed(0)
    adapter = stir(AdaptFormer(6, 3).double())
    x = torch.randn(4, 5, 6, dtype=torch.float64)
    expected, adapter = torch.empty_like(x), adapter.requires_grad_(False)
    for n in range(4):
        for t in range(5):
            row = x[n, t]
            normed = (row - row.mean()) / (((row - row.mean()) ** 2).mean() + 1e-5).sqrt()
            normed = normed * adapter.norm.weight + adapter.norm.bias
            hidden = [max(float(adapter.down.weight[r] @ normed + adapter.down.bias[r]), 0) for r in range(3)]
            expected[n, t] = adapter.scale * (adapter.up.weight @ torch.tensor(hidden, dtype=x.dtype) + adapter.up.bias)
    assert torch.allclose(adapter(x), expected, rtol=1e-12)


def test_bottleneck_and_size_of_lift():
    assert [auto_bottleneck(c, 12) for c in (10, 100, 365, 1000, 8142)] == [1, 4, 8, 32, 256]
    for classes, millions in ((100, 0.10), (1000, 0.62)):
        size = sum(p.numel() for p in AdaptFormer(768, num_classes=classes, depth=12).parameters())
        assert 12 * size / 1e6 == pytest.approx(millions, abs=0.01)
    with pytest.raises(ValueError, match='num_classes and depth'):
        AdaptFormer(768)


@pytest.mark.parametrize('build', [vit, of_mmpretrain, lambda: vit('deit_tiny_patch16_224', init_values=1e-2)])
@pytest.mark.parametrize(('kind', 'kwargs'), [('adaptformer', dict(bottleneck=4)), ('lora', dict(rank=2)),
                                              ('bitfit', {}), ('layernorm', {}), ('none', {})])
def test_identity_at_the_start_base_frozen_keys_kept(kind, kwargs, build):
    base = build()
    model = add_adapters(copy.deepcopy(base), kind, **kwargs)
    assert torch.equal(out(model), out(base))
    state = model.state_dict()
    assert all(torch.equal(state[key], value) for key, value in base.state_dict().items())
    model.load_state_dict(base.state_dict(), strict=False)
    model.train()
    if any(p.requires_grad for p in model.parameters()):  # a probe of a bare backbone trains nothing
        out(model).square().sum().backward()
    own = base.state_dict().keys()
    for name, p in model.named_parameters():
        trains = name not in own or name.startswith('head') or (kind == 'bitfit' and name.endswith('bias')) or (
            (kind == 'layernorm' and 'norm' in name) or (kind == 'layernorm' and '.ln' in f'.{name}'))
        assert p.requires_grad == trains, name
        assert (p.grad is not None) <= trains
    if kind in ('adaptformer', 'lora'):
        model.eval()
        assert not torch.equal(out(stir(model)), out(base))


def test_adaptformer_adds_to_the_block_what_it_makes_of_the_residual_stream():
    model = stir(add_adapters(vit(init_values=0.5), 'adaptformer', bottleneck=4))
    block, x = model.blocks[1], torch.randn(2, 17, 192)
    stream = x + block.ls1(block.attn(block.norm1(x)))
    expected = stream + block.ls2(block.mlp(block.norm2(stream))) + block.adapter(stream)
    assert torch.allclose(block(x), expected, atol=1e-6)
    again = copy.deepcopy(model)  # hooks of a copy reach the copy's adapters
    with torch.no_grad():
        again.blocks[1].adapter.up.bias += 1
    assert not torch.equal(again.blocks[1](x), block(x))
    model.set_grad_checkpointing(True)
    a = torch.autograd.grad(out(model.train()).sum(), block.adapter.up.weight)[0]
    model.set_grad_checkpointing(False)
    assert torch.allclose(a, torch.autograd.grad(out(model).sum(), block.adapter.up.weight)[0], atol=1e-5)


def test_lora_is_a_change_of_weights_that_merges():
    base = vit()
    model = stir(add_adapters(copy.deepcopy(base), 'lora', rank=2, alpha=6.))
    layer = model.blocks[0].attn.qkv
    x = torch.randn(3, 192)
    weight = layer.weight + 3. * layer.lora.up.weight @ layer.lora.down.weight
    assert torch.allclose(layer(x), x @ weight.T + layer.bias, atol=1e-5)
    before = out(model)
    merged = merge_adapters(model)
    assert torch.allclose(out(merged), before, atol=1e-4)
    assert merged.state_dict().keys() == base.state_dict().keys()
    with pytest.raises(ValueError, match='LoRA alone merges'):
        merge_adapters(add_adapters(vit(), 'bitfit'))


@pytest.mark.parametrize('build', [vit, of_mmpretrain])
@pytest.mark.parametrize('kind', ['vpt-shallow', 'vpt-deep'])
def test_prompts_join_and_leave(kind, build):
    base = build()
    model = add_adapters(copy.deepcopy(base), kind, count=4)
    blocks, seen = blocks_of(model), []
    for block in blocks:
        second = block.norm2 if hasattr(block, 'norm2') else block.ln2
        second.register_forward_hook(lambda m, a, o: seen.append(o.shape[1]))
    assert out(model).shape == out(base).shape
    assert seen[:3] == [17 + 4] * 3
    assert not torch.allclose(out(model), out(base))
    assert sum('prompts' in name for name, _ in model.named_parameters()) == (3 if kind == 'vpt-deep' else 1)
    prompts = torch.cat([p for name, p in model.named_parameters() if 'prompts' in name])
    bound = (6 / (3 * 8 * 8 + prompts.shape[1]))**0.5  # of patches of 8 x 8
    assert 0.95 * bound < prompts.abs().max() <= bound


@pytest.mark.parametrize('kind', ['adaptformer', 'lora', 'vpt-deep', 'layernorm'])
def test_the_file_is_small_and_fits_its_base_alone(kind, tmp_path):
    kwargs = dict(bottleneck=1) if kind == 'adaptformer' else dict(rank=1) if kind == 'lora' else {}
    model = stir(add_adapters(vit(), kind, **kwargs))
    torch.save(adapter_state(model), tmp_path / 'adapters.pth')
    saved = torch.load(tmp_path / 'adapters.pth', weights_only=True)
    fresh = add_adapters(vit(), kind, **kwargs)
    assert not torch.equal(out(fresh), out(model))
    assert torch.equal(out(load_adapters(fresh, saved)), out(model))
    assert sum(v.numel() for v in saved['state'].values()) < 0.05 * sum(p.numel() for p in model.parameters())
    other = add_adapters(vit(), kind, **kwargs)
    with torch.no_grad():
        other.blocks[0].mlp.fc1.weight[0, 0] += 1
    with pytest.raises(ValueError, match='other base weights'):
        load_adapters(other, saved)
    with pytest.raises(ValueError, match=r'the .* lacks'):
        load_adapters(add_adapters(vit(), 'none'), saved)


def test_eva_and_clip_towers():
    for name in ('eva02_tiny_patch14_224', 'vit_base_patch16_clip_224'):
        timm = pytest.importorskip('timm')
        base = timm.create_model(name, img_size=28 if 'eva' in name else 32, depth=2, embed_dim=48, num_heads=4,
                                 num_classes=5).eval()
        images = torch.randn(2, 3, *base.patch_embed.img_size)
        for kind, kwargs in (('adaptformer', dict(bottleneck=2)), ('lora', dict(rank=2))):
            model = add_adapters(copy.deepcopy(base), kind, **kwargs)
            assert torch.equal(model(images), base(images))
            stir(model)
            assert not torch.equal(model(images), base(images))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="no adapter 'lore'; choose one of adaptformer, lora"):
        add_adapters(vit(), 'lore')
    with pytest.raises(ValueError, match='Sequential has no blocks'):
        add_adapters(nn.Sequential(nn.Linear(2, 2)), 'lora')
    with pytest.raises(ValueError, match="adapters of kind 'lora' already"):
        add_adapters(add_adapters(vit(), 'lora'), 'adaptformer', bottleneck=1)


@pytest.mark.parametrize('kind, kwargs', [('adaptformer', dict(bottleneck=4)), ('vpt-deep', {})])
def test_adapters_compile_into_one_graph(kind, kwargs):
    model = add_adapters(vit(), kind, **kwargs)
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:
        torch.nn.init.normal_(parameter, std=0.1)
    results = []
    for function in (model, torch.compile(model, backend='aot_eager', fullgraph=True)):
        model.zero_grad()
        out = function(IMAGES)
        out.square().sum().backward()
        results.append((out.detach(), [p.grad.clone() for p in trained]))
    (plain, grads), (compiled, compiled_grads) = results
    assert torch.allclose(plain, compiled, atol=1e-5)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(grads, compiled_grads))

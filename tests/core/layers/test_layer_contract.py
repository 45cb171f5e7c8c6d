"""What holds for every classifier layer."""
import copy
import io

import pytest
import torch
from torch import nn

from mmlt.core import layers

D, C = 8, 5
EXTRA = {
    'GroupSoftmaxLinear': dict(class_counts=[500, 50, 5, 2000, 60], bins=(10, 100, 1000)),
    'TaxonomicLinear': dict(parents=[5, 5, 6, 6, 6, -1, -1]),
}
NAMES = layers.__all__


def make(name, in_features=D, out_features=C, **kwargs):
    torch.manual_seed(0)
    return getattr(layers, name)(in_features, out_features, **EXTRA.get(name, {}), **kwargs)


def linear(in_features=D, out_features=C):
    torch.manual_seed(1)
    return nn.Linear(in_features, out_features)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_no_linear_subclass_in_sight_of_init_cfg(name):
    for module in make(name).modules():
        assert not isinstance(module, (nn.Linear, nn.Conv2d))
        assert {'Linear', 'Conv2d'}.isdisjoint(
            [type(module).__name__] + [base.__name__ for base in type(module).__bases__])


def test_linear_state_dict_loads_strictly(name):
    old, layer = linear(), make(name)
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    layer.load_state_dict(old.state_dict(), strict=True)
    after = layer.state_dict()
    for key in before.keys() - {'weight', 'bias'}:
        assert after[key].equal(before[key]), key
    if name == 'ETFLinear':
        assert after['weight'].equal(before['weight'])
    elif name != 'NCMClassifier':
        rows = layer.class_rows
        assert after['weight'][rows].equal(old.weight)
        if 'bias' in after:
            assert after['bias'][rows].equal(old.bias)


@pytest.mark.parametrize('form', ['conv', 'transposed'])
def test_other_weight_layouts_load(name, form):
    old, layer, want = linear(), make(name), make(name)
    want.load_state_dict(old.state_dict())
    state = old.state_dict()
    state['weight'] = state['weight'][..., None, None] if form == 'conv' else state['weight'].t()
    layer.load_state_dict(state, strict=True)
    for key, value in want.state_dict().items():
        assert layer.state_dict()[key].equal(value), key


def test_square_weight_is_taken_as_it_is():
    layer = layers.CosineLinear(4, 4)
    weight = torch.randn(4, 4)
    layer.load_state_dict({'weight': weight})
    assert layer.weight.equal(weight)


def test_checkpoint_without_bias_counts_as_zero(name):
    old, layer = linear(), make(name)
    layer.load_state_dict({'weight': old.weight.detach()}, strict=True)
    if getattr(layer, 'bias', None) is not None:
        assert layer.bias[layer.class_rows].eq(0).all()


def test_inside_a_model_and_under_mmengine_loading(name):
    mmengine = pytest.importorskip('mmengine.runner.checkpoint')
    old = nn.ModuleDict(dict(head=nn.ModuleDict(dict(fc=linear()))))
    for load in (nn.Module.load_state_dict, mmengine.load_state_dict):
        new = nn.ModuleDict(dict(head=nn.ModuleDict(dict(fc=make(name)))))
        state = old.state_dict()
        load(new, state, strict=True)
        assert list(state) == ['head.fc.weight', 'head.fc.bias']  # the caller's dict is not touched


@pytest.mark.parametrize('name', [n for n in NAMES if n != 'NCMClassifier'])
@pytest.mark.parametrize('state', [{}, {'weight': torch.ones(C + 3, D), 'bias': torch.ones(C + 3)}])
def test_missing_or_foreign_weight_is_an_error(name, state):
    with pytest.raises(RuntimeError, match='weight'):
        make(name).load_state_dict(state, strict=True)


def test_state_dict_round_trip_and_deepcopy(name):
    layer = make(name)
    for _ in range(2):
        layer(torch.randn(4, D))
    if name == 'NCMClassifier':
        layer.fit(torch.randn(20, D), torch.arange(20) % C)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = make(name)
    other.reset_parameters() if hasattr(other, 'reset_parameters') else None
    other.load_state_dict(torch.load(file, weights_only=True))
    x = torch.randn(3, D)
    want = layer.eval()(x)
    assert other.eval()(x).equal(want)
    assert copy.deepcopy(layer)(x).equal(want)


def test_dim_one_reads_feature_maps(name):
    rows, maps = make(name).eval(), make(name, dim=1).eval()
    maps.load_state_dict(rows.state_dict())
    x = torch.randn(2, D, 3, 4)
    want = rows(x.permute(0, 2, 3, 1).reshape(-1, D)).reshape(2, 3, 4, C).permute(0, 3, 1, 2)
    got = maps(x)
    assert got.shape == (2, C, 3, 4)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(maps(x[:, :, 0, 0]), want[:, :, 0, 0])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('train', [True, False])
def test_autocast_is_finite_and_near_float32(name, dtype, train):
    layer = make(name).train(train)
    if name == 'NCMClassifier':
        layer.fit(torch.randn(20, D), torch.arange(20) % C)
    x = (2 * torch.randn(6, D)).to(dtype)
    want = copy.deepcopy(layer)(x.float())
    with torch.autocast('cpu', dtype=dtype):
        got = layer(x)
    assert got.isfinite().all()
    exact = layer.full_precision
    torch.testing.assert_close(got.float(), want, rtol=1e-6 if exact else 2e-2, atol=1e-6 if exact else 5e-2)
    if exact:
        assert got.dtype == torch.float32


def test_half_module_runs(name):
    layer = make(name).bfloat16()
    assert layer(torch.randn(3, D, dtype=torch.bfloat16)).isfinite().all()


def test_wrong_widths(name):
    layer = make(name)
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    for width in (D - 1, 2 * D):
        with pytest.raises(ValueError, match=f'in_features=8, the features have {width}'):
            layer(torch.randn(2, width))
    assert all(value.equal(layer.state_dict()[k]) for k, value in before.items())
    with pytest.raises(ValueError, match='in_features must be an integer >= 1, got 0'):
        make(name, in_features=0)


@pytest.mark.parametrize('name, argument, values', [
    ('CausalLinear', 'num_heads', [0, -2, 2.0]), ('CausalLinear', 'momentum', [-1, 1]), ('CausalLinear', 'gamma', [-1]),
    ('CausalLinear', 'scale', [0]), ('CosineLinear', 'scale', [0, -1]), ('ETFLinear', 'scale', [-1]),
    ('TauNormLinear', 'tau', [float('nan'), 'a']), ('TaxonomicLinear', 'threshold', [2]),
    ('TaxonomicLinear', 'drop_rate', [1.0, -0.1])
])
def test_arguments_out_of_range(name, argument, values):
    for value in values:
        with pytest.raises(ValueError, match=f'{name}: {argument} must be .* got {value!r}'):
            make(name, **{argument: value})


@pytest.mark.parametrize('size', [0.0, 1e-20, 1e4, 1e15])
def test_extreme_features_give_no_nan(name, size):
    layer = make(name)
    if name == 'NCMClassifier':
        layer.fit(torch.randn(20, D), torch.arange(20) % C)
    for train in (True, False):
        x = torch.full((3, D), size, requires_grad=True)
        logits = layer.train(train)(x)
        assert logits.isfinite().all()
        logits.log_softmax(-1)[:, 0].sum().backward()
        assert x.grad.isfinite().all()
        if size == 0 and name != 'NCMClassifier':
            assert x.grad.abs().max() < 1e3  # dividing by an eps would give 1e12


def test_evaluation_before_training(name):
    assert make(name).eval()(torch.randn(3, D)).softmax(-1).isfinite().all()


def test_empty_batch_is_harmless(name):
    layer = make(name)
    layer(torch.randn(3, D))
    state = {k: v.clone() for k, v in layer.state_dict().items()}
    layer(torch.zeros(0, D))
    for key, value in layer.state_dict().items():
        assert value.equal(state[key]), key


@pytest.mark.parametrize('name', [n for n in NAMES if n != 'NCMClassifier'])
@pytest.mark.parametrize('train', [True, False])
def test_gradcheck(name, train):
    layer = make(name, in_features=6).double().train(train)
    for p in layer.parameters():
        p.requires_grad_(True)
    if name == 'MemoryLinear':  # a loss of its own moves them
        centroids = layer.centroids.detach()
        del layer.centroids
        layer.centroids = centroids
    x = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)

    def forward(x, *weights):
        return torch.func.functional_call(layer, dict(zip(names, weights)), x)

    names = [n for n, _ in layer.named_parameters()]
    assert torch.autograd.gradcheck(forward, (x, *layer.parameters()))


def test_compiles_without_a_graph_break(name):
    torch._dynamo.reset()
    layer = make(name)
    for train in (True, False):
        layer.train(train)
        want = copy.deepcopy(layer)(torch.ones(3, D))
        got = torch.compile(copy.deepcopy(layer), fullgraph=True, backend='eager')(torch.ones(3, D))
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize('name', [n for n in NAMES if hasattr(getattr(layers, n), 'reset_parameters')])
def test_reset_parameters_starts_anew(name):
    layer = make(name)
    start = {k: v.clone() for k, v in layer.state_dict().items()}
    for tensor in layer.state_dict().values():
        tensor.add_(1)
    torch.manual_seed(0)
    for module in layer.modules():
        getattr(module, 'reset_parameters', lambda: None)()
    for key, value in layer.state_dict().items():
        if key not in ('class_counts', 'tau', 'draws.step'):
            assert (value - start[key]).abs().max() < 0.99, key  # no longer off by 1

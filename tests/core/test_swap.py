import pytest
import torch
from torch import nn

from mmlt.core import layers
from mmlt.core.swap import swap_classifier

EXTRA = {
    'GroupSoftmaxLinear': dict(class_counts=[500, 50, 5, 2000]),
    'TaxonomicLinear': dict(parents=[4, 4, 5, 5, -1, -1]),
}
TIMM = [
    ('resnet18', {}, 'fc'), ('vit_tiny_patch16_224', dict(depth=1), 'head'), ('convnext_atto', {}, 'head.fc'),
    ('mobilenetv3_small_050', {}, 'classifier'), ('efficientnet_lite0', {}, 'classifier'),
    ('swin_tiny_patch4_window7_224', dict(depths=(1, 1), num_heads=(3, 6)), 'head.fc'), ('regnety_002', {}, 'head.fc'),
    ('densenet121', dict(block_config=(1, 1)), 'classifier'), ('beit_base_patch16_224', dict(depth=1), 'head'),
    ('vit_small_patch16_dinov3', dict(depth=1), 'head'),
    ('inception_v4', {}, 'last_linear'), ('efficientvit_b0', {}, 'head.classifier.4'),
]
CONVOLUTIONAL = [('dla34', 'fc'), ('resnetv2_50x1_bit', 'head.fc'), ('dpn48b', 'classifier')]
DISTILLED = [
    ('deit_tiny_distilled_patch16_224', dict(depth=1), 'head', 'head_dist'),
    ('levit_128s', {}, 'head.linear', 'head_dist.linear'), ('efficientformer_l1', {}, 'head', 'head_dist'),
]


class Segmentor(nn.Module):
    def __init__(self):
        super().__init__()
        self.decode_head = nn.ModuleDict(dict(conv_seg=nn.Conv2d(6, 4, 1)))

    def forward(self, x):
        return self.decode_head['conv_seg'](x)


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(8, 6), nn.Linear(6, 4))


@pytest.mark.parametrize('name', layers.__all__)
def test_every_layer_keeps_keys_shape_and_weights(name):
    model = mlp()
    weight = model[2].weight.clone()
    keys = {key for key in model.state_dict() if key in ('2.weight', '2.bias')}
    assert swap_classifier(model, name, '2', **EXTRA.get(name, {})) is model
    layer = model[2]
    assert type(layer) is getattr(layers, name)
    if name not in ('NCMClassifier', 'ETFLinear'):
        assert layer.weight[layer.class_rows].equal(weight)
        assert '2.weight' in keys & model.state_dict().keys()
    assert model.eval()(torch.randn(3, 8)).shape == (3, 4)
    model.load_state_dict(mlp().state_dict(), strict=True)


def test_conv_reads_feature_maps_and_loads_its_own_checkpoint():
    model, x = Segmentor(), torch.randn(2, 6, 5, 3)
    want = model(x)
    swap_classifier(model, layers.DisAlignLinear, 'decode_head.conv_seg')
    torch.testing.assert_close(model(x), want)
    other = Segmentor()
    model.load_state_dict(other.state_dict(), strict=True)
    torch.testing.assert_close(model(x), other(x))


def test_swap_after_swap_dtype_and_mode():
    model = swap_classifier(mlp().double().eval(), 'LWSLinear', '2', scale_bias=False)
    weight = model[2].weight
    swap_classifier(model, 'TauNormLinear', '2', tau=0)
    assert model[2].weight.equal(weight) and model[2].weight.dtype == torch.float64 and not model[2].training
    assert model[2].weight.requires_grad


def test_linear_without_bias_keeps_its_function():
    model = nn.Sequential(nn.Linear(6, 4, bias=False))
    x = torch.randn(2, 6)
    want = model(x)
    swap_classifier(model, 'LWSLinear', '0')
    torch.testing.assert_close(model(x), want)


def test_any_callable_will_do():
    model = swap_classifier(mlp(), lambda d, c, **kw: nn.Linear(d, c, **kw), '2', bias=True)
    assert isinstance(model[2], nn.Linear)


def timm_model(name, **kwargs):
    timm = pytest.importorskip('timm')
    if name not in timm.list_models():
        pytest.skip(f'this timm has no {name}')
    return timm.create_model(name, num_classes=4, **kwargs)


@pytest.mark.parametrize('name, kwargs, path', TIMM)
def test_timm(name, kwargs, path):
    model = timm_model(name, **kwargs)
    old = model.state_dict()
    swap_classifier(model, 'CosineLinear', scale=16)
    assert isinstance(model.get_submodule(path), layers.CosineLinear)
    assert model.get_classifier() is model.get_submodule(path)
    assert model.get_submodule(path).weight.equal(old[f'{path}.weight'])
    model.load_state_dict(old, strict=True)
    size = model.default_cfg['input_size'][-1]
    assert model.eval()(torch.randn(1, 3, size, size)).abs().max() <= 16.01


@pytest.mark.parametrize('name, path', CONVOLUTIONAL)
def test_timm_with_a_1x1_convolution(name, path):
    model = timm_model(name).eval()
    assert isinstance(model.get_submodule(path), nn.Conv2d)
    x = torch.randn(1, 3, 64, 64)
    want, old = model(x), model.state_dict()
    swap_classifier(model, 'DisAlignLinear')
    assert model(x).equal(want)
    model.load_state_dict(old, strict=True)
    swap_classifier(model, 'CosineLinear', scale=16)
    assert model(x).shape == (1, 4) and model(x).abs().max() <= 16.01


@pytest.mark.parametrize('name, kwargs, first, second', DISTILLED)
def test_timm_distilled_swaps_both_heads(name, kwargs, first, second):
    model = timm_model(name, **kwargs)
    old = model.state_dict()
    swap_classifier(model, 'CosineLinear', scale=16)
    for path in (first, second):
        assert isinstance(model.get_submodule(path), layers.CosineLinear)
        assert model.get_submodule(path).weight.equal(old[f'{path}.weight'])
    assert model.eval()(torch.randn(1, 3, 224, 224)).abs().max() <= 16.01


def test_timm_checkpoint_carries_over(tmp_path):
    """timm's own loader fills the new layer; a swapped model starts as the checkpoint's classifier."""
    model = timm_model('resnet18').eval()
    torch.save(model.state_dict(), tmp_path / 'timm.pth')
    x = torch.randn(2, 3, 64, 64)
    want = model(x)
    from timm.models import load_checkpoint
    for name in ('LWSLinear', 'MARCLinear', 'DisAlignLinear'):
        fresh = swap_classifier(timm_model('resnet18'), name).eval()
        load_checkpoint(fresh, str(tmp_path / 'timm.pth'))
        assert fresh(x).equal(want)


def test_timm_without_classifier():
    timm = pytest.importorskip('timm')
    with pytest.raises(TypeError, match='fc is Identity'):
        swap_classifier(timm.create_model('resnet18', num_classes=0), 'CosineLinear')


@pytest.mark.parametrize('name, kwargs', [
    ('DisAlignLinear', {}), ('MARCLinear', {}), ('LWSLinear', {}), ('LWSLinear', dict(scale_bias=False)),
    ('DisAlignLinear', dict(parametrization='residual'))])
@pytest.mark.parametrize('contiguous', [True, False])
def test_identity_is_the_convolution_to_the_last_bit(name, kwargs, contiguous):
    model, x = nn.Sequential(nn.Conv2d(96, 33, 1)), torch.randn(2, 96, 17, 13)
    x = x if contiguous else x.to(memory_format=torch.channels_last)
    want = model(x)
    assert swap_classifier(model, name, '0', **kwargs)(x).equal(want)


@pytest.mark.parametrize('to, path, error, words', [
    ('CosineLinear', 'decode_head.conv_sgm', ValueError, 'did you mean decode_head.conv_seg'),
    ('CosineLinear', 'zzz', ValueError, 'decode_head.conv_seg'),
    ('CosineLinear', None, ValueError, 'path=.*decode_head.conv_seg'),
    ('CosinLinear', 'decode_head.conv_seg', ValueError, 'CosineLinear'),
    ('CosineLinear', 'decode_head', TypeError, 'decode_head is'),
])
def test_bad_input(to, path, error, words):
    with pytest.raises(error, match=words):
        swap_classifier(Segmentor(), to, path)


@pytest.mark.parametrize('conv', [nn.Conv2d(6, 4, 3), nn.Conv2d(6, 4, 1, groups=2), nn.Conv2d(6, 4, 1, stride=2)])
def test_only_plain_1x1_convolutions(conv):
    with pytest.raises(TypeError, match='1x1'):
        swap_classifier(nn.Sequential(conv), 'CosineLinear', '0')


def test_a_failed_swap_changes_nothing():
    model = mlp()
    with pytest.raises(ValueError, match='no module'):
        swap_classifier(model, 'CosineLinear', ['2', '9'])
    assert type(model[2]) is nn.Linear


class NormProduct(nn.Linear):
    """ArcFace's, as MMPretrain writes it."""

    def forward(self, x):
        return nn.functional.linear(nn.functional.normalize(x), nn.functional.normalize(self.weight))


class Wrapped(nn.Linear):
    """Linear, with a forward of its own, as MMCV's and timm's."""

    def forward(self, x):
        return super().forward(x) if x.numel() else x.new_zeros(0, self.out_features)


class Margin(nn.Linear):

    def forward(self, x, target):
        return super().forward(x) - nn.functional.one_hot(target, self.out_features)


@pytest.mark.parametrize('kind', [NormProduct, Margin])
@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_layers_that_are_not_linear_are_refused(kind, device):
    model, state = nn.Sequential(kind(6, 4, device=device)), torch.get_rng_state()
    with pytest.raises(TypeError, match=f'0 is {kind.__name__}, whose output is not linear'):
        swap_classifier(model, 'CosineLinear', '0')
    assert torch.get_rng_state().equal(state)


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_linear_layers_by_another_name(device):
    model = nn.Sequential(Wrapped(6, 4, device=device))
    assert type(swap_classifier(model, 'LWSLinear', '0')[0]) is layers.LWSLinear


@pytest.mark.parametrize('name', layers.__all__)
def test_meta_device(name):
    """Initialisation without memory, as FSDP does: swapped there, materialised and loaded afterwards."""
    kwargs = dict(parents=[4, 4, 5, 5, -1, -1]) if name == 'TaxonomicLinear' else {}
    if name == 'GroupSoftmaxLinear':
        kwargs = dict(class_counts=[50, 5, 20, 3], bins=(10,))
    with torch.device('meta'):
        model = nn.Sequential(nn.Linear(6, 4))
    swap_classifier(model, name, '0', **kwargs)
    assert all(tensor.is_meta for tensor in model.parameters())
    if name == 'CosineLinear':
        assert model(torch.ones(2, 6, device='meta')).shape == (2, 4)
    real = swap_classifier(nn.Sequential(nn.Linear(6, 4)), name, '0', **kwargs).eval()
    if name != 'GroupSoftmaxLinear':  # its groups follow from counts, which no checkpoint can choose
        model.to_empty(device='cpu').load_state_dict(real.state_dict())


def test_errors_over_many_layers_stay_short():
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(900)])
    model.append(nn.ReLU())
    for path in (None, 'zz'):
        with pytest.raises(ValueError, match=r'897, 898, 899 \(the last 3 of 900\)') as error:
            swap_classifier(model, 'CosineLinear', path)
        assert len(str(error.value)) < 200


@pytest.mark.parametrize(('name', 'path'), [
    ('resnet18', 'fc'), ('mobilenet_v3_small', 'classifier.3'), ('vit_b_32', 'heads.head'), ('googlenet', 'fc')])
def test_torchvision_models_need_no_path(name, path):
    import torchvision
    with torch.device('meta'):
        model = torchvision.models.get_model(name, num_classes=7)
    swap_classifier(model, 'CosineLinear')
    assert type(model.get_submodule(path)) is layers.CosineLinear and model.get_submodule(path).out_features == 7


def test_a_regression_layer_is_no_classifier():
    detector = nn.ModuleDict({'bbox_head': nn.ModuleDict({'fc_cls': nn.Linear(4, 3), 'fc_reg': nn.Linear(4, 12)})})
    for model in (detector, nn.Sequential(nn.Linear(4, 3), nn.Conv2d(3, 3, 3))):
        with pytest.raises(ValueError, match='does not say where its classifier lies; pass path='):
            swap_classifier(model, 'CosineLinear')

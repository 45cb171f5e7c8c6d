"""What holds for every loss: reduction, label kinds, precision, gradients, compilation, state, bad input."""
import copy
import inspect
import json
import math
import re

import pytest
import torch
import torch.nn.functional as F

from mmlt.core import losses as lt
from mmlt.core.losses.base import LongTailLoss
from mmlt.core.losses.sigmoid import focal_bce

# of experts, taught, or with a width
SPECIAL = {'BalPoELoss', 'NCLLoss', 'ResLTLoss', 'RIDEDistillLoss', 'RIDELoss', 'SADELoss', 'SHIKELoss', 'DiVELoss',
           'CBDLoss', 'DROLTLoss', 'ISDALoss', 'LFMELoss', 'XERMLoss', 'BKDLoss'}
NAMES = [name for name in lt.__all__ if isinstance(getattr(lt, name), type) and name not in SPECIAL]
PRIOR = {'BalancedBCELoss', 'BalancedSoftmaxLoss', 'LogitAdjustLoss', 'VSLoss', 'CDTLoss', 'LADELoss'}


def build(name, counts=None, **kwargs):
    if name == 'DistributionBalancedLoss':
        kwargs.setdefault('num_images', 10**6)
    torch.manual_seed(0)  # MetaWeightLoss begins anywhere
    return getattr(lt, name)(class_counts=counts, **kwargs)


def profile(c):
    """(C,) counts from 500 to 1."""
    return [max(1, int(500**(1 - i / max(c - 1, 1)))) for i in range(c)]


def inputs(loss, c, size=4, dtype=torch.float32, seed=0, scale=3):
    g = torch.Generator().manual_seed(seed)
    width = loss.get_cls_channels(c) if hasattr(loss, 'get_cls_channels') else c
    z = (scale * torch.randn(size, width, generator=g)).to(dtype)
    y = torch.randint(c, (size, ), generator=g)
    one_hot = F.one_hot(y, c).to(dtype)
    kwargs = dict(feats=torch.ones(size, 3)) if 'feats' in loss.requires else {}
    if loss.multi_label:
        return z, one_hot, one_hot, kwargs
    return z, y, 0.25 * one_hot + 0.75 * one_hot.flip(0), kwargs


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_attributes():
    assert {name for name in NAMES if getattr(lt, name).corrects_prior} == PRIOR
    assert [name for name in NAMES if 'feats' in getattr(lt, name).requires] == ['InfluenceBalancedLoss']
    assert all(issubclass(getattr(lt, name), LongTailLoss) for name in NAMES)


def test_reduction(name):
    loss = build(name, profile(5)).eval()
    z, y, soft, kw = inputs(loss, 5)
    for target in (y, soft):
        each = loss(z, target, reduction_override='none', **kw)
        assert len(each) == 4
        total = loss(z, target, reduction_override='sum', **kw)
        torch.testing.assert_close(total, each.sum())
        mean = total / each.numel() if loss.avg == 'batch' else loss(z, target, avg_factor=1, **kw)
        torch.testing.assert_close(loss(z, target, **kw), mean)
        if loss.avg == 'batch':
            for factor in (8, 8.0, torch.tensor(8)):
                torch.testing.assert_close(loss(z, target, avg_factor=factor, **kw), total / 8)
        weight = torch.tensor([1, 0, 2, 0.5])
        weighted = loss(z, target, weight, reduction_override='none', **kw)
        torch.testing.assert_close(weighted, each * (weight if each.ndim == 1 else weight[:, None]))
        zero = loss(z, target, torch.zeros(4), **kw)
        assert zero == 0
    with pytest.raises(ValueError, match='avg_factor'):
        loss(z, y, avg_factor=4, reduction_override='sum', **kw)
    with pytest.raises(ValueError, match='reduction'):
        loss(z, y, reduction_override='max', **kw)
    torch.testing.assert_close(build(name, profile(5), loss_weight=0.5).eval()(z, y, **kw), 0.5 * loss(z, y, **kw))


@pytest.mark.parametrize('shape', [(4, 1), (1, ), (3, ), ()])
def test_sample_weights_never_broadcast(name, shape):
    loss = build(name, profile(5))
    z, y, _, kw = inputs(loss, 5)
    with pytest.raises(ValueError, match='weight has shape'):
        loss(z, y, torch.ones(shape), **kw)


def test_sample_weights_enter_the_mean_by_weight():
    z, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 2])
    loss = lt.CostSensitiveLoss(class_counts=[4, 2, 1])
    kept = torch.tensor([1, 1, 1, 0])
    torch.testing.assert_close(loss(z, y, kept), loss(z[:3], y[:3]))


@pytest.mark.parametrize('c', [1, 2, 8142])
def test_class_numbers(name, c):
    loss = build(name, profile(c))
    z, y, soft, kw = inputs(loss, c)
    z.requires_grad_()
    for target in (y, soft):
        value = loss(z, target, **kw)
        value.backward()
        assert value.isfinite() and z.grad.isfinite().all()


def test_no_image(name):
    loss = build(name, profile(3))
    z, y, soft, kw = inputs(loss, 3)
    for target in (y, soft):
        empty = z[:0].requires_grad_()
        value = loss(empty, target[:0], **{key: x[:0] for key, x in kw.items()})
        value.backward()
        assert value == 0 and empty.grad.shape == empty.shape


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(name, dtype):
    loss = build(name, profile(5)).eval()
    z, y, soft, kw = inputs(loss, 5, dtype=dtype)
    soft = soft.float()
    for target in (y, soft, soft.to(dtype)):
        low = z.clone().requires_grad_()
        with torch.autocast('cpu', torch.bfloat16):
            value = loss(low, target, **{key: x.to(dtype) for key, x in kw.items()})
        value.backward()
        assert value.dtype == torch.float32 and low.grad.dtype == dtype and low.grad.isfinite().all()
        torch.testing.assert_close(value, loss(z.float(), target, **kw))


@pytest.mark.parametrize('scale', [1e2, 1e4])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_huge_logits(name, scale, dtype):
    loss = build(name, profile(6))
    width = loss.get_cls_channels(6) if hasattr(loss, 'get_cls_channels') else 6
    for seed in range(3):
        z, y, soft, kw = inputs(loss, 6, dtype=dtype, seed=seed)
        g = torch.Generator().manual_seed(seed)
        z = (scale * (2 * torch.randint(2, (4, width), generator=g) - 1)).to(dtype)
        for target in (y, soft):
            x = z.clone().requires_grad_()
            value = loss(x, target, **kw)
            value.backward()
            assert value.isfinite(), value
            assert x.grad.float().isfinite().all()


def test_fitted_samples_stay_finite_for_small_gamma():
    z = torch.tensor([[1e4, -1e4, -1e4]], requires_grad=True)
    for loss in (lt.SoftmaxFocalLoss(gamma=0.5), lt.ClassBalancedLoss(base='focal', gamma=0.5, class_counts=[1, 1, 1]),
                 lt.ClassBalancedLoss(base='focal', gamma=0.0, class_counts=[1, 1, 1])):
        for target in (torch.tensor([0]), torch.tensor([[1.0, 0, 0]])):
            z.grad = None
            value = loss(z, target)
            value.backward()
            assert value == 0 and (z.grad == 0).all()


@pytest.mark.parametrize('gamma', [0.0, 0.5, 1.0, 2.0, 3.0])
def test_focal_bce_of_every_size_of_logit(gamma):
    """Against autograd's chain in float64; log(1 + e^z) - z may round below 0."""
    z = torch.linspace(-45, 45, 4001).repeat(2, 1).requires_grad_()
    target = torch.tensor([[0.0], [1.0]]).expand(2, 4001)
    value = focal_bce(z, target, gamma)
    value.sum().backward()
    exact = z.detach().double().requires_grad_()
    u = exact * (1 - 2 * target.double())
    expected = u.sigmoid()**gamma * F.softplus(u, threshold=100)
    expected.sum().backward()
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=5e-6)
    # b of a fitted positive is known to an ulp of z, of which gamma = 0.5 takes the root
    torch.testing.assert_close(z.grad.double(), exact.grad, rtol=1e-4, atol=2e-3 if gamma == 0.5 else 5e-6)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 1.0, 2.0, 3.0])
def test_focal_bce_between_the_labels(gamma):
    """w / a |s - Y|^gamma BCE(a (z + v), Y), its first and second derivative."""
    g = torch.Generator().manual_seed(0)
    target, weights, scale, bias = torch.rand(4, 3, 5, generator=g, dtype=torch.float64) + 1e-3
    z = torch.randn(3, 5, generator=g, dtype=torch.float64).requires_grad_()
    parts = dict(gamma=gamma, weights=weights, scale=scale, bias=bias[0])
    x = scale * (z + bias[0])
    expected = weights / scale * (x.sigmoid() - target).abs()**gamma * F.binary_cross_entropy_with_logits(
        x, target, reduction='none')
    torch.testing.assert_close(focal_bce(z, target, **parts), expected)
    torch.autograd.gradcheck(lambda x: focal_bce(x, target, **parts), z)
    torch.autograd.gradgradcheck(lambda x: focal_bce(x, target, **parts), z)


@pytest.mark.parametrize('soft_rows', [False, True])
def test_gradcheck(name, soft_rows):
    loss = build(name, profile(4)).eval()
    z, y, soft, kw = inputs(loss, 4, dtype=torch.float64, scale=1)
    target = soft if soft_rows else y
    if name in ('SeesawSoftmaxLoss', 'MetaWeightLoss'):  # whose factors are constants, so this is not its gradient
        pytest.skip('checked against the definition, below and in test_meta_weight.py')
    torch.autograd.gradcheck(lambda x: loss(x, target, **kw), z.requires_grad_())


def test_seesaw_gradient():
    loss = lt.SeesawSoftmaxLoss(class_counts=profile(4)).eval()
    loss.seen = torch.tensor([30.0, 10, 3, 1], dtype=torch.float64)
    z, y, _, _ = inputs(loss, 4, dtype=torch.float64)
    prob = z.softmax(1)
    own = prob.gather(1, y[:, None])
    s = (prob / own.clamp(min=0.01)).clamp(min=1)**2 * (loss.seen / loss.seen[y][:, None]).clamp(max=1)**0.8
    s.scatter_(1, y[:, None], 1)
    expected = ((z + s.log()).softmax(1) - F.one_hot(y, 4)) / 4
    loss(z.requires_grad_(), y).backward()
    torch.testing.assert_close(z.grad, expected)


@pytest.mark.parametrize('name, arguments', [
    ('VSLoss', {}), ('CDTLoss', {}), ('LabelAwareSmoothLoss', {}), ('BalancedSoftmaxLoss', {}), ('LDAMLoss', {}),
    ('ClassBalancedLoss', dict(base='focal', gamma=1.0)), ('ClassBalancedLoss', dict(base='focal', gamma=0.5)),
    ('DistributionBalancedLoss', {}), ('LADELoss', {}), ('EqualizationLoss', {}), ('BalancedBCELoss', {})
])
@pytest.mark.parametrize('soft_rows', [False, True])
def test_second_derivative(name, arguments, soft_rows):
    """Those with a hand-written first derivative among them."""
    loss = build(name, profile(4), **arguments)
    z, y, soft, _ = inputs(loss, 4, dtype=torch.float64, scale=1)
    target = soft if soft_rows else y
    torch.autograd.gradcheck(lambda x: loss(x, target), z.requires_grad_())
    torch.autograd.gradgradcheck(lambda x: loss(x, target), z)


STATELESS = [n for n in NAMES if n not in ('SoftmaxEqualizationLoss', 'BalancedGroupSoftmaxLoss', 'EqualizationLossV2',
                                           'SeesawSoftmaxLoss', 'GCLLoss')]


@pytest.mark.parametrize('name, arguments', [(name, {}) for name in STATELESS] + [
    ('ClassBalancedLoss', dict(base='focal')), ('ClassBalancedLoss', dict(base='sigmoid'))
])
def test_compiles_without_a_graph_break(name, arguments):
    loss = build(name, profile(5), **arguments)
    z, y, soft, kw = inputs(loss, 5)
    compiled = torch.compile(lambda x, t: loss(x, t, avg_factor=len(x), **kw), fullgraph=True, backend='aot_eager')
    for target in (y, soft):
        a, b = z.clone().requires_grad_(), z.clone().requires_grad_()
        loss(a, target, avg_factor=4, **kw).backward()
        compiled(b, target).backward()
        torch.testing.assert_close(a.grad, b.grad)
    torch._dynamo.reset()


@pytest.mark.parametrize('name, fullgraph', [
    ('EqualizationLossV2', True), ('SeesawSoftmaxLoss', True), ('SoftmaxEqualizationLoss', False),
    ('GCLLoss', False),
    ('BalancedGroupSoftmaxLoss', False)
])
def test_compiled_steps_with_state(name, fullgraph):
    """A backward pass that computes parts of the forward anew must not see the state of after it."""
    plain, other = (build(name, profile(5), **(dict(num_classes=5) if fullgraph else {})) for _ in range(2))
    compiled = torch.compile(lambda x, t: other(x, t, avg_factor=len(x)), fullgraph=fullgraph, backend='aot_eager')
    for seed in range(3):
        z, y, soft, _ = inputs(plain, 5, seed=seed)
        for target in (y, soft):
            a, b = z.clone().requires_grad_(), z.clone().requires_grad_()
            plain(a, target, avg_factor=4).backward()
            compiled(b, target).backward()
            torch.testing.assert_close(a.grad, b.grad)
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value)
    torch._dynamo.reset()


def test_a_step_reads_nothing_back(name):
    """On the meta device there are no values: whatever would synchronise an accelerator raises."""
    loss = build(name, profile(5))
    z, y, soft, kw = inputs(loss, 5)
    loss = loss.to('meta')
    if hasattr(loss, 'draws'):
        loss.draws.generator = lambda device: None
    for target in (y, soft):
        x = z.to('meta').requires_grad_()
        value = loss(x, target.to('meta'), weight=torch.ones(4, device='meta'), avg_factor=4,
                     **{key: v.to('meta') for key, v in kw.items()})
        value.backward()
        assert x.grad.shape == x.shape


def test_inputs_are_left_alone(name):
    loss = build(name, profile(5))
    z, y, soft, kw = inputs(loss, 5)
    before = [x.clone() for x in (z, y, soft)]
    for target in (y, soft):
        loss(z.requires_grad_(), target, **kw).backward()
    assert all(a.equal(b) for a, b in zip(before, (z, y, soft)))


def run(loss, steps, c=4, start=0):
    out = []
    for seed in range(start, start + steps):
        z, y, soft, kw = inputs(loss, c, dtype=torch.float64, seed=seed)
        out += [loss(z, y, **kw).item(), loss(z, soft, **kw).item()]
    return out


def test_state_round_trip(name):
    """Counts, online statistics and draws: whichever way the two were built, resuming gives the same run."""
    trained = build(name, profile(4))
    run(trained, 3)
    state = copy.deepcopy(trained.state_dict())
    expected = run(trained, 3, start=3)
    for other in (build(name), build(name, [9, 3, 2, 1]), copy.deepcopy(trained)):
        other.load_state_dict(state)
        assert run(other, 3, start=3) == expected
    # and a checkpoint saved without counts leaves those of the part
    kept = build(name, profile(4))
    kept.load_state_dict(build(name).state_dict())
    assert kept.class_counts.tolist() == profile(4)


def test_state_round_trip_of_another_width():
    for loss in (lt.SeesawSoftmaxLoss, lt.EqualizationLossV2):
        trained, other = loss(num_classes=7), loss()
        run(trained, 1, c=7)
        other.load_state_dict(trained.state_dict())
        assert run(other, 2, c=7, start=1) == run(trained, 2, c=7, start=1)
        with pytest.raises(ValueError, match='holds 7 classes'):
            run(other, 1, c=4)
        fresh = loss()
        trained.load_state_dict(fresh.state_dict())  # saved before its first step
        assert len(getattr(trained, trained.sized[0])) == 7


def test_evaluation_changes_and_draws_nothing(name):
    loss = build(name, profile(5)).eval()
    z, y, soft, kw = inputs(loss, 5)
    loss(z, y, **kw)
    state = copy.deepcopy(loss.state_dict())
    random = torch.get_rng_state()
    for target in (y, soft):
        assert loss(z, target, **kw) == loss(z, target, **kw)
    assert all(value.equal(loss.state_dict()[key]) for key, value in state.items())
    loss.train()
    loss(z.requires_grad_(), y, **kw)
    assert torch.get_rng_state().equal(random)  # training takes nothing from the global stream either


def test_draws_differ_by_step_and_seed():
    counts = [900] + [1] * 19
    z, y = torch.randn(8, 20), torch.zeros(8, dtype=torch.int64)
    a, b, c = (lt.SoftmaxEqualizationLoss(counts, gamma=0.5, seed=s) for s in (0, 0, 1))
    first = a(z, y)
    assert first == b(z, y) and first != a(z, y) and first != c(z, y)


@pytest.mark.parametrize('cast', [
    lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.to(torch.float16), lambda m: copy.deepcopy(m).float()
])
def test_casts_leave_the_state_alone(name, cast):
    plain = build(name, [10**6, 501, 30, 7], **(dict(num_images=10**7) if name == 'DistributionBalancedLoss' else {}))
    other = cast(copy.deepcopy(plain))
    assert run(plain, 2) == run(other, 2)
    assert all(value.equal(other.state_dict()[key]) for key, value in plain.state_dict().items())
    assert all(value.dtype == other.state_dict()[key].dtype for key, value in plain.state_dict().items())


def test_casts_do_not_stop_the_counting():
    loss = lt.SeesawSoftmaxLoss(num_classes=3).bfloat16()
    for _ in range(300):
        loss(torch.zeros(1, 3), torch.tensor([1]))
    assert loss.seen.tolist() == [0, 300, 0]


def test_module_list_and_deepcopy():
    modules = torch.nn.ModuleList(build(n, profile(4)) for n in NAMES)
    copies = copy.deepcopy(modules)
    copies.load_state_dict(modules.state_dict())
    assert len(copies.state_dict()) == len(modules.state_dict())


def test_counts_from_a_file_and_later(tmp_path):
    path = tmp_path / 'counts.json'
    path.write_text(json.dumps({'class_counts': [100, 50, 10]}))
    z, y = torch.randn(2, 3), torch.tensor([0, 2])
    late = lt.BalancedSoftmaxLoss()
    late.set_class_counts([100, 50, 10])
    assert lt.BalancedSoftmaxLoss(class_counts=str(path))(z, y) == late(z, y)


@pytest.mark.parametrize('loaded', [[5., float('nan'), 1], [5., -1, 1], [5., 0, 1], [[5., 1]]])
def test_counts_of_a_checkpoint_are_checked(loaded):
    with pytest.raises(ValueError, match='count'):
        lt.BalancedSoftmaxLoss().load_state_dict(dict(class_counts=torch.tensor(loaded)))


@pytest.mark.parametrize('class_weight, expected', [
    ([1.0, 2, 4], [1.0, 2, 4]), ('inverse', [3 / 13, 6 / 13, 30 / 13]), ('effective', None)
])
@pytest.mark.parametrize('loss', [
    lt.LDAMLoss, lt.VSLoss, lt.LogitAdjustLoss, lt.BalancedSoftmaxLoss, lt.SoftmaxFocalLoss, lt.LabelAwareSmoothLoss
])
def test_class_weight(loss, class_weight, expected):
    n = [100, 50, 10]
    w = torch.tensor(expected or [0.231658, 0.462160, 2.306183])
    z, y, _, _ = inputs(lt.VSLoss(), 3)
    each = loss(class_counts=n, reduction='none')(z, y)
    for avg, mass in ((None, 4), ('weight', w[y].sum())):
        value = loss(class_counts=n, class_weight=class_weight, avg=avg)(z, y)
        torch.testing.assert_close(value, (w[y] * each).sum() / mass, rtol=1e-5, atol=1e-5)
        one_hot = loss(class_counts=n, class_weight=class_weight, avg=avg)(z, F.one_hot(y, 3).float())
        torch.testing.assert_close(value, one_hot)


def test_bad_arguments():
    for call, message in [
        (lambda: lt.BalancedSoftmaxLoss(class_counts=[5, 0]), 'class 1 has the training count 0'),
        (lambda: lt.BalancedSoftmaxLoss(reduction='max'), "reduction='max'"),
        (lambda: lt.CostSensitiveLoss(avg='weights'), "avg='weights'"),
        (lambda: lt.LDAMLoss(class_weight='sqrt'), "class_weight='sqrt'"),
        (lambda: lt.WeightedSoftmaxLoss(form='sqrt'), "form='sqrt'"),
        (lambda: lt.ClassBalancedLoss(base='mse'), "base='mse'"),
        (lambda: lt.LabelAwareSmoothLoss(shape='round'), "shape='round'"),
        (lambda: lt.SoftmaxFocalLoss(class_weight=[1, -2, 3]), r'class_weight=\[1, -2, 3\]'),
        (lambda: lt.SeesawSoftmaxLoss(num_classes=3, class_counts=[1, 2]), 'holds 3 classes'),
        (lambda: lt.VSLoss(class_counts=[2, 1])(torch.zeros(1, 3), torch.tensor([0])), 'counts of 2 classes'),
        (lambda: lt.SoftmaxFocalLoss(class_weight=[1, 2])(torch.zeros(1, 3), torch.tensor([0])), '2 entries'),
        (lambda: lt.SoftmaxFocalLoss()(torch.zeros(3), torch.tensor([0])), r'logits have shape \(3,\)'),
        (lambda: lt.SoftmaxFocalLoss()(torch.zeros(1, 3), torch.full((1, 3), math.nan)), 'holds nan'),
        (lambda: lt.SoftmaxFocalLoss()(torch.zeros(1, 3), torch.tensor([0]), avg_factor=0), 'avg_factor=0'),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(RuntimeError, match='ClassCountsHook'):
        lt.BalancedSoftmaxLoss()(torch.zeros(1, 3), torch.tensor([0]))
    assert math.isfinite(lt.SoftmaxFocalLoss()(torch.zeros(1, 3), torch.tensor([0])))


@pytest.mark.parametrize('name, argument, values', [
    ('LDAMLoss', 'max_margin', [-0.5, math.nan]), ('LDAMLoss', 'scale', [0, -30]), ('LDAMLoss', 'beta', [1.5]),
    ('InfluenceBalancedLoss', 'alpha', [0, -1]), ('SoftmaxFocalLoss', 'gamma', [-1]),
    ('ClassBalancedLoss', 'gamma', [-2]), ('ClassBalancedLoss', 'beta', [-0.1, 2]),
    ('DistributionBalancedLoss', 'neg_scale', [0, -1]), ('DistributionBalancedLoss', 'gamma', [-1]),
    ('DistributionBalancedLoss', 'num_images', [0]), ('LabelAwareSmoothLoss', 'smooth_head', [1.4]),
    ('LabelAwareSmoothLoss', 'power', [-1, None]), ('LogitAdjustLoss', 'tau', [math.nan, 'a']),
    ('VSLoss', 'gamma', [-0.3]), ('VSLoss', 'tau', [math.inf]), ('CDTLoss', 'gamma', [-0.2]),
    ('CostSensitiveLoss', 'gamma', [math.nan, -1]), ('GeneralizedReweightLoss', 'rho', [math.nan, -1]),
    ('EqualizationLoss', 'threshold', [50, -1]), ('SoftmaxEqualizationLoss', 'threshold', [50, -1]),
    ('SoftmaxEqualizationLoss', 'gamma', [9]), ('SoftmaxEqualizationLoss', 'seed', [-1]),
    ('GCLLoss', 'amplitude', [-1]), ('GCLLoss', 'margin', [-0.1]), ('GCLLoss', 'scale', [0]),
    ('AdaptiveClassSuppressionLoss', 'threshold', [7]), ('BalancedGroupSoftmaxLoss', 'others_ratio', [-1]),
    ('BalancedGroupSoftmaxLoss', 'bins', [(-5, 5), (9, 3)]), ('SeesawSoftmaxLoss', 'p', [-1]),
    ('SeesawSoftmaxLoss', 'q', [-1]), ('SeesawSoftmaxLoss', 'eps', [0]), ('SeesawSoftmaxLoss', 'max_labels', [0]),
    ('EqualizationLossV2', 'alpha', [-4]), ('LADELoss', 'alpha', [-1]), ('LADELoss', 'remine_lambda', [-1])
])
def test_arguments_out_of_range(name, argument, values):
    more = dict(shape='exp') if argument == 'power' else {}
    for value in values:
        with pytest.raises(ValueError, match=f'{argument} must.*got {re.escape(repr(value))}$'):
            build(name, **{argument: value}, **more)


@pytest.mark.parametrize('name', lt.__all__)
def test_class_counts_come_first_and_all_else_by_name(name):
    """``BalancedSoftmaxLoss([5, 4, 3])`` took the list as class weights once."""
    first, *rest = inspect.signature(getattr(lt, name)).parameters.values()
    assert first.name == 'class_counts'
    assert {p.kind for p in rest} <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}


def test_counts_by_position():
    assert lt.BalancedSoftmaxLoss([5, 4, 3]).class_counts.tolist() == [5, 4, 3]
    with pytest.raises(TypeError, match='positional'):
        lt.LDAMLoss([5, 4, 3], 0.5)


def test_the_repr_names_the_arguments():
    loss = lt.LDAMLoss([90, 10], max_margin=0.4, scale=20.0)
    assert repr(loss).startswith('LDAMLoss(max_margin=0.4, scale=20.0, ') and 'classes=2' in repr(loss)
    assert "class_weight='effective'" in repr(lt.BalancedSoftmaxLoss(class_weight='effective'))
    assert 'classes' not in repr(lt.BalancedSoftmaxLoss())

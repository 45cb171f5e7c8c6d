"""RSG's generator beside loops in float64 over maps, centres and positions."""
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmlt.core.augment.rare_samples import RareSampleGenerator, center_loss, pairs

COUNTS = [3, 50, 7, 40]  # of 4 classes, 1 and 3 are frequent


def generator(channels=3, **kwargs):
    torch.manual_seed(0)
    module = RareSampleGenerator(channels, 4, **{**dict(num_centers=5, frequent=0.5, hidden=6, class_counts=COUNTS),
                                                 **kwargs}).double()
    with torch.no_grad():
        module.centers.normal_()
    return module


def batch(labels, size=(2, 4), channels=3, seed=1):
    maps = torch.randn(len(labels), channels, *size, generator=torch.Generator().manual_seed(seed)).double()
    return maps.requires_grad_(), torch.tensor(labels)


def shares(module, x, y):
    """(K,) of one map (D, H, W)."""
    z = x.mean((1, 2)) @ module.weight[y].detach().numpy() + module.bias[y].detach().numpy()
    return np.exp(z) / np.exp(z).sum()


def cross_entropy(logits, y):
    return math.log(np.exp(logits).sum()) - logits[y]


@pytest.mark.parametrize('labels', [[1, 1, 0, 3, 3, 1], [0, 2, 2, 1, 0, 0, 0], [0, 2], [1, 3, 1, 3]])
@pytest.mark.parametrize('generate', [False, True])
def test_losses_and_maps(labels, generate):
    module, (maps, target) = generator(), batch(labels)
    out, index, losses = module(maps, target, generate)
    x, centers = maps.detach().numpy(), module.centers.detach().numpy()
    expected = np.mean([sum(share * ((image[:, i, j] - center) ** 2).sum() for share, center in
                            zip(shares(module, image, y), centers[y]) for i in range(2) for j in range(4))
                        for image, y in zip(x, labels)])
    half = len(labels) // 2
    if not generate:
        judged = module.same_class(torch.cat([maps[:half], maps[half:2 * half]], 1)).detach().numpy()
        expected += np.mean([cross_entropy(z, int(labels[i] == labels[i + half])) for i, z in enumerate(judged)])
    assert float(losses['loss_centers'].detach()) == pytest.approx(0.1 * expected, rel=1e-12)
    rare = [i for i, y in enumerate(labels) if y in (0, 2)]
    frequent = [i for i, y in enumerate(labels) if y in (1, 3)]
    torch.testing.assert_close(out[:len(labels)], maps)
    if not (generate and rare and frequent):
        assert len(out) == len(labels) and not index and not losses.get('loss_transfer')
        return
    few, many = sorted([rare, frequent], key=len)
    number = len(few) * (len(many) // len(few))
    assert index == [rare[g % len(rare)] for g in range(number)]
    own = [center[shares(module, image, y).argmax()][:, None, None]
           for image, y, center in zip(x, labels, centers[labels])]
    expected = 0
    for g in range(number):
        r, f = rare[g % len(rare)], frequent[g % len(frequent)]
        given, aim = x[f] - own[f], x[r] - own[r]
        moved = module.transform(torch.from_numpy(given)[None])[0].detach()
        judged = module.same_class(torch.cat([maps[f], moved])[None])[0].detach().numpy()
        moved = moved.numpy()
        np.testing.assert_allclose(out[len(labels) + g].detach(), x[r] + moved, atol=1e-12)
        expected += cross_entropy(judged, 0)
        for i in range(2):
            for j in range(4):
                t, a = moved[:, i, j], aim[:, i, j]
                length = np.linalg.norm(t)
                expected += abs(length - np.linalg.norm(given[:, i, j])) + 1 - t @ a / length / np.linalg.norm(a)
    assert float(losses['loss_transfer'].detach()) == pytest.approx(0.01 * expected / number, rel=1e-9)


def test_who_learns():
    """The maps' makers learn from no loss; the judge of pairs until maps are made, the convolution from then on."""
    for generate in (False, True):
        module, (maps, target) = generator(), batch([1, 0, 3, 2])
        _, _, losses = module(maps, target, generate)
        sum(losses.values()).backward()
        assert maps.grad is None and all(module.get_parameter(p).grad.any() for p in ('centers', 'weight', 'bias'))
        assert all((p.grad is None) == generate for p in module.same_class.parameters())
        assert all((p.grad is not None) == generate for p in module.transform.parameters())
    module.zero_grad()
    module(maps, target, True)[0][4:].sum().backward()  # new maps train the convolution alone
    assert not maps.grad.any()
    learnt = {name for name, p in module.named_parameters() if p.grad is not None}
    assert learnt == {'transform.weight', 'transform.bias'}


@given(st.lists(st.booleans(), max_size=30), st.sampled_from([0.3, 1.0, 2.5]))
def test_pairs(rare, strength):
    rare = torch.tensor(rare, dtype=torch.bool)
    first, second = pairs(rare, strength)
    few, many = sorted([int(rare.sum()), int((~rare).sum())])
    assert len(first) == len(second) == (few * max(int(many * strength / few), 1) if few else 0)
    assert rare[first].all() and not rare[second].any()
    if strength <= 1 and len(first):  # no map of the more numerous kind twice
        assert min(len(set(first.tolist())), len(set(second.tolist()))) == few or few == many
        assert max(len(set(first.tolist())), len(set(second.tolist()))) == len(first)


def test_centres_at_scale_and_half_precision():
    maps, centers = torch.randn(8, 3, 5, 7).double(), torch.randn(8, 15, 3).double()
    share = torch.rand(8, 15).double().softmax(1)
    expected = (share[:, :, None, None, None] * (maps[:, None] - centers[..., None, None]) ** 2).sum((1, 2, 3, 4))
    torch.testing.assert_close(center_loss(maps, centers, share), expected)
    module = generator(class_counts=COUNTS).float()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out, _, losses = module(100 * maps.bfloat16(), torch.arange(8) % 4, True)
    assert out.dtype == torch.bfloat16 and all(x.dtype == torch.float32 and x.isfinite() for x in losses.values())


def test_frequent_classes_are_those_of_most_images():
    assert generator().rare.tolist() == [True, False, True, False]
    assert generator(frequent=0.1).rare.tolist() == [True, False, True, True]  # one at least
    module = generator(class_counts=[5, 5, 5, 5])
    assert module.rare.tolist() == [False, False, True, True]
    module.load_state_dict({**module.state_dict(), 'class_counts': torch.tensor([1., 1, 2, 2])})
    assert module.rare.tolist() == [True, True, False, False]


@pytest.mark.parametrize('kwargs, message', [
    (dict(frequent=1.0), 'frequent'), (dict(strength=0), 'strength'), (dict(num_centers=0), 'num_centers'),
    (dict(class_counts=[1, 0, 2, 3]), 'class 1'), (dict(center_weight=-1), 'center_weight')])
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        generator(**kwargs)


def test_counts_that_miss_or_do_not_fit():
    maps, target = batch([0, 1])
    with pytest.raises(RuntimeError, match='no class counts'):
        generator(class_counts=None)(maps, target)
    with pytest.raises(ValueError, match='counts of 3 classes'):
        generator(class_counts=[3, 2, 1])(maps, target)

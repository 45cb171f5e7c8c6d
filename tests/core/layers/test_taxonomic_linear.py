import pytest
import torch
from torch.nn import functional as F

from mmlt.core.layers import TaxonomicLinear

#          leaves 0-4           inner 5, 6, 7; 7 holds 5 and leaf 4
PARENTS = [5, 5, 6, 6, 7, 7, -1, -1]
PATHS = [[0, 5, 7], [1, 5, 7], [2, 6], [3, 6], [4, 7]]
FAMILIES = [[0, 1], [2, 3], [4, 5], [6, 7]]


def make(**kwargs):
    torch.manual_seed(0)
    layer = TaxonomicLinear(6, 5, parents=PARENTS, **kwargs).double()
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    return layer, torch.randn(50, 6, dtype=torch.float64)


def nodes(layer, x):
    return x @ layer.weight.t() + layer.bias


def test_leaf_logits_are_sums_along_the_path():
    layer, x = make()
    z = nodes(layer, x)
    want = torch.stack([z[:, path].sum(1) for path in PATHS], 1)
    torch.testing.assert_close(layer(x), want)


def test_starts_as_the_linear_classifier():
    layer, linear = TaxonomicLinear(6, 5, parents=PARENTS), torch.nn.Linear(6, 5)
    layer.load_state_dict(linear.state_dict(), strict=True)
    x = torch.randn(3, 6)
    torch.testing.assert_close(layer(x), linear(x))


def test_node_probabilities_and_loss():
    layer, x = make()
    z, got = nodes(layer, x), layer.node_log_probs(x)
    for family in FAMILIES:
        torch.testing.assert_close(got[:, family], z[:, family].log_softmax(1))
    y = torch.arange(50) % 5
    want = torch.stack([-got[i, PATHS[c]].mean() for i, c in enumerate(y)]).mean()
    torch.testing.assert_close(layer.node_loss(x, y), want)
    torch.testing.assert_close(layer.node_loss(x, F.one_hot(y, 5).double()), want)


def test_node_loss_gradient():
    layer, x = make()
    x = x[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer.node_loss(x, torch.tensor([0, 2, 4])), x)


@pytest.mark.parametrize('threshold', [0.0, 0.5, 0.8, 1.0])
def test_predict_descends_while_it_is_sure(threshold):
    layer, x = make(threshold=threshold)
    log_probs, want = layer.node_log_probs(x), []
    for row in log_probs.exp():
        node = -1
        while True:
            children = [v for v, parent in enumerate(PARENTS) if parent == node]
            if not children:
                break
            best = max(children, key=lambda v: row[v])
            if row[best] < threshold:
                break
            node = best
        want.append(node)
    got = layer.predict(x)
    assert got.tolist() == want
    if threshold == 0:
        assert got.max() < 5
    if threshold == 0.8:
        assert got.max() >= 5


def test_predict_reads_feature_maps():
    layer, x = make(dim=1)
    want = layer.predict(x)
    assert layer.predict(x.reshape(50, 6, 1, 1).expand(-1, -1, 2, 3)).equal(want[:, None, None].expand(-1, 2, 3))


def test_an_explicit_root_shifts_all_leaves_alike():
    parents = [5, 5, 6, 6, 7, 7, 8, 8, -1]
    layer, x = make()
    rooted = TaxonomicLinear(6, 5, parents=parents).double()
    rooted.weight.data[:8], rooted.bias.data[:8] = layer.weight.data, layer.bias.data
    torch.nn.init.normal_(rooted.weight.data[8])
    torch.testing.assert_close(rooted(x).softmax(1), layer(x).softmax(1))
    assert rooted.predict(x).equal(layer.predict(x))


@pytest.mark.parametrize('parents, words', [
    ([5, 5, 6, 6, 7, 6, 5, -1], 'cycle'), ([3, 3, 3, 4, 3], 'cycle'), ([3, 3, 3, 3], 'cycle'), ([3, 3], 'fewer'),
    ([3, 3, 9, -1], 'node 2 has the parent 9'), ([3, 0, 3, -1], 'node 1 has the parent 0'),
    ([-1, -1, -1, -1], 'inner node 3 has no child'), ([3, 3, -2, -1], 'parent -2'),
])
def test_bad_taxonomies(parents, words):
    with pytest.raises(ValueError, match=words):
        TaxonomicLinear(6, 5 if len(parents) == 8 else 3, parents=parents)


def test_bad_threshold():
    with pytest.raises(ValueError, match='2'):
        TaxonomicLinear(6, 2, parents=[-1, -1], threshold=2)

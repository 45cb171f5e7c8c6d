import copy

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


# stochastic tree sampling

def dropped(layer, size):
    """For each sample the inner nodes that its next forward pass drops."""
    draws = copy.deepcopy(layer.draws)
    draw = torch.rand(size, len(PARENTS) + 1, generator=draws.generator('cpu'))
    return [[v for v in range(5, len(PARENTS)) if row[v] < layer.drop_rate] for row in draw]


def pruned_path(leaf, gone):
    """The path of a leaf down to the first node that was dropped."""
    path = []
    for node in reversed(PATHS[leaf]):
        path.append(node)
        if node in gone:
            break
    return tuple(path)


def test_sampled_trees_give_the_softmax_and_gradient_of_the_pruned_tree():
    layer, x = make(drop_rate=0.4, seed=3)
    y, gone = torch.arange(50) % 5, dropped(layer, 50)
    assert [] in gone and any(len(g) > 1 for g in gone)
    logits = layer(x)
    z, sampling_loss, spread = nodes(layer, x), 0, 0
    for i in range(50):
        paths = [pruned_path(c, gone[i]) for c in range(5)]
        tree = sorted(set(paths))  # the leaves of the pruned tree
        log_p = torch.stack([z[i, list(path)].sum() for path in tree]).log_softmax(0)
        for path, value in zip(tree, log_p):
            members = [c for c in range(5) if paths[c] == path]
            torch.testing.assert_close(logits[i].softmax(0)[members].sum(), value.exp())
        sampling_loss = sampling_loss - log_p[tree.index(paths[y[i]])] / 50
        spread += torch.tensor(float(paths.count(paths[y[i]]))).log().item() / 50
    loss = F.cross_entropy(logits, y)
    torch.testing.assert_close(loss, sampling_loss + spread)
    for got, want in zip(*(torch.autograd.grad(v, (layer.weight, layer.bias)) for v in (loss, sampling_loss))):
        torch.testing.assert_close(got, want)


def test_sampling_is_for_training_alone():
    plain, x = make()
    layer, _ = make(drop_rate=0.9)
    layer.eval()
    assert layer(x).equal(plain(x)) and layer.predict(x).equal(plain.predict(x)) and layer.draws.step == 0
    assert layer.train().node_loss(x, torch.zeros(50, dtype=torch.int64)).isfinite()
    assert not layer(x).equal(plain(x)) and layer.draws.step == 1


def test_draws_follow_from_seed_and_step_and_go_on_from_a_checkpoint():
    (layer, x), (other, _), (third, _) = make(drop_rate=0.5), make(drop_rate=0.5), make(drop_rate=0.5, seed=1)
    before = torch.random.get_rng_state()
    first, second = layer(x), layer(x)
    assert torch.random.get_rng_state().equal(before)
    assert not first.equal(second) and not first.equal(third(x))
    assert other(x).equal(first)
    third = make(drop_rate=0.5)[0]
    third.load_state_dict(other.state_dict())
    assert third(x).equal(second)


def test_what_holds_all_classes_is_never_dropped():
    #                  4 and 5 hold two leaves each, 6 is the root
    layer = TaxonomicLinear(2, 4, parents=[4, 4, 5, 5, 6, 6, -1], drop_rate=0.999)
    torch.nn.init.normal_(layer.weight)
    x = torch.randn(2000, 2)
    logits = layer(x)
    root, left, right = (x @ layer.weight.t() + layer.bias)[:, [6, 4, 5]].t()
    want = torch.stack([root + left, root + left, root + right, root + right], 1) - torch.tensor(2.).log()
    rows = (logits - want).abs().amax(1) < 1e-4
    assert rows.float().mean() > 0.98
    flat = TaxonomicLinear(2, 3, parents=[3, 3, 3, -1], drop_rate=0.999)
    assert flat(x).equal(flat.eval()(x))


def test_each_node_of_each_sample_is_dropped_at_the_rate():
    layer = TaxonomicLinear(1, 5, parents=PARENTS, drop_rate=0.3)
    layer.weight.data.zero_()
    layer.bias.data.copy_(torch.arange(8) == 4)  # leaf 4 alone has a logit, below node 7
    logits = layer(torch.zeros(20_000, 1))
    assert abs((logits[:, 4] != 1).float().mean() - 0.3) < 0.015
    both = ((logits[:, 2] != 0) & (logits[:, 4] != 1)).float().mean()  # nodes 6 and 7, independently
    assert abs(both - 0.09) < 0.01


def test_sampling_in_feature_maps_and_under_autocast():
    layer = TaxonomicLinear(6, 5, parents=PARENTS, drop_rate=0.5, dim=1)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = layer(torch.randn(2, 6, 3, 4))
    assert logits.shape == (2, 5, 3, 4) and logits.dtype == torch.float32 and logits.isfinite().all()


@pytest.mark.parametrize('rate', [-0.1, 1.0])
def test_bad_drop_rate(rate):
    with pytest.raises(ValueError, match=r'drop_rate must be a number in \[0, 1\)'):
        TaxonomicLinear(6, 2, parents=[-1, -1], drop_rate=rate)

"""Manifold mixup: the right layer, once, in training only."""
import copy
import pickle
from collections import namedtuple

import gloo
import pytest
import torch
import torch.nn.functional as F
from mixup_ranks import Net, batch, replay, worker
from torch import nn

from mmlt.core.augment.manifold import ManifoldMixup


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().double()


def reference(net, x, path, lam, index):
    def mixed(name, h):
        return lam * h + (1 - lam) * h[index] if name == path else h
    h = mixed('layer1', net.layer1(mixed('input', x))).tanh()
    return mixed('head', net.head(mixed('layer2', net.layer2(h)).tanh()))


@pytest.mark.parametrize('path', ['input', 'layer1', 'layer2', 'head'])
def test_mixes_the_named_layer_and_the_labels(net, path):
    augment = ManifoldMixup(layer=path, seed=0).attach(net)
    x, one_hot = batch()
    for _ in range(3):
        lam, index = replay(augment)
        inputs, soft = augment(x, one_hot)
        assert torch.allclose(net(inputs), reference(net, x, path, lam, index))
        assert torch.allclose(soft, lam * one_hot + (1 - lam) * one_hot[index].float())
        assert (path == 'input') != torch.equal(inputs, x)


def test_fires_once_and_never_in_eval(net):
    augment = ManifoldMixup(layer='layer2', seed=0).attach(net)
    x, one_hot = batch()
    plain = net(x)
    augment(x, one_hot)
    assert torch.equal(net.eval()(x), plain)
    assert not torch.equal(net.train()(x), plain)
    assert torch.equal(net(x), plain)
    assert torch.equal(net(x), plain)
    assert torch.equal(net.eval()(x), plain)


def test_a_frozen_layer_in_eval_mode_is_mixed_too(net):
    augment = ManifoldMixup(layer='layer1', seed=0).attach(net)
    net.layer1.eval().requires_grad_(False)
    x, one_hot = batch()
    plain = net(x)
    augment(x, one_hot)
    assert not torch.equal(net(x), plain)


@pytest.mark.parametrize('duplicate', [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_run_unmixed_and_take_nothing_away(net, duplicate):
    x, one_hot = batch()
    plain = net(x)
    before = ManifoldMixup(layer='layer2', seed=0).attach(net)
    between, _ = duplicate(net), before(x, one_hot)
    assert torch.equal(between(x), plain)
    assert not torch.equal(net(x), plain)
    assert torch.equal(duplicate(net)(x), plain)


def test_a_copied_model_with_its_augment_is_on_its_own(net):
    net.augment = [ManifoldMixup(layer='layer2', seed=0).attach(net)]
    x, one_hot = batch()
    plain = net(x)
    twin = copy.deepcopy(net)
    twin.augment[0](x, one_hot)
    assert torch.equal(net(x), plain)
    assert not torch.equal(twin(x), plain)


def test_one_layer_of_a_list_for_each_batch(net):
    layers = ['input', 'layer1', 'layer2']
    augment = ManifoldMixup(layer=layers, seed=0).attach(net)
    x, one_hot = batch()
    drawn = []
    for _ in range(60):
        augment(x, one_hot)
        drawn.append(augment.drawn['path'] if augment.drawn else 'input')
        net(x)
    assert all(10 <= drawn.count(layer) <= 30 for layer in layers)


def test_attach_again_and_elsewhere(net):
    other = copy.deepcopy(net)
    augment = ManifoldMixup(layer='layer2', seed=0).attach(net).attach(net)
    x, one_hot = batch()
    lam, index = replay(augment)
    augment(x, one_hot)
    assert torch.allclose(net(x), reference(net, x, 'layer2', lam, index))
    augment.attach(other)
    augment(x, one_hot)
    assert not net.layer2._forward_hooks and torch.equal(net(x), reference(net, x, None, 0, None))
    assert not torch.equal(other(x), net(x))


def test_epochs_and_seeds(net):
    augment = ManifoldMixup(layer='layer2', seed=0).attach(net)
    x, one_hot = batch()

    def first(epoch):
        augment.set_epoch(epoch)
        soft = augment(x, one_hot)[1]
        net(x)
        return soft

    assert torch.equal(first(2), first(2)) and not torch.equal(first(2), first(3))


@pytest.mark.parametrize('use_reentrant', [True, False])
@pytest.mark.parametrize('path', ['layer1', 'layer2'])
def test_gradient_under_activation_checkpointing(net, path, use_reentrant):
    grads = []
    for cut in (None, use_reentrant):
        model = Net(cut).double()
        model.load_state_dict(net.state_dict())
        augment = ManifoldMixup(layer=path, seed=0).attach(model)
        for _ in range(2):
            model.zero_grad()
            x, soft = augment(*batch())
            F.cross_entropy(model(x.requires_grad_()), soft.double()).backward()
        grads.append([p.grad for p in model.parameters()])
    for a, b in zip(*grads):
        assert torch.allclose(a, b)


def test_an_augment_of_a_past_stage_does_nothing(net):
    model = Net(cut=True).double()
    past = ManifoldMixup(layer='layer2', seed=0).attach(model)
    x, soft = past(*batch())
    F.cross_entropy(model(x.requires_grad_()), soft.double())  # no backward pass: the last draw is left over

    net.load_state_dict(model.state_dict())
    for m in (net, model):
        inputs, one_hot = batch()
        F.cross_entropy(m(inputs.requires_grad_()), one_hot.argmax(1)).backward()
    for a, b in zip(net.parameters(), model.parameters()):
        assert torch.allclose(a.grad, b.grad)


class Tuples(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.layer = nn.Identity()
        self.output = output
        self.layer.forward = lambda x: self.output(x)

    def forward(self, x):
        return self.layer(x)


Pair = namedtuple('Pair', 'map rest')


def test_tuples_of_maps():
    model = Tuples(lambda x: Pair(x, [2 * x, (7, 7)]))
    augment = ManifoldMixup(layer='layer', seed=0).attach(model)
    x, one_hot = batch()
    lam, index = replay(augment)
    augment(x, one_hot)
    output = model(x)
    assert isinstance(output, Pair)
    first, (second, shape) = output
    assert torch.allclose(first, lam * x + (1 - lam) * x[index]) and torch.allclose(second, 2 * first)
    assert shape == (7, 7)


def test_an_output_without_the_batch_is_refused():
    model = Tuples(lambda x: x.T)
    augment = ManifoldMixup(layer='layer').attach(model)
    x, one_hot = batch()
    augment(x, one_hot)
    with pytest.raises(ValueError, match=r"'layer' returns a tensor \(4, 7\) for a batch of 7 images"):
        model(x)


def test_an_output_of_another_type_is_refused():
    model = Tuples(lambda x: dict(x=x))
    augment = ManifoldMixup(layer='layer').attach(model)
    x, one_hot = batch()
    augment(x, one_hot)
    with pytest.raises(TypeError, match="'layer' returns dict"):
        model(x)


def test_an_unknown_layer_is_named_with_its_neighbours(net):
    with pytest.raises(ValueError, match="no module 'layr1' in Net; did you mean layer1"):
        ManifoldMixup(layer=['input', 'layr1']).attach(net)
    with pytest.raises(ValueError, match='empty list'):
        ManifoldMixup(layer=[])


def test_a_layer_that_does_not_run_is_an_error(net):
    net.spare = nn.Linear(2, 2)
    augment = ManifoldMixup(layer='spare').attach(net)
    x, one_hot = batch()
    augment(x, one_hot)
    net(x)
    with pytest.raises(RuntimeError, match="'spare' did not run"):
        augment(x, one_hot)


def test_needs_a_model():
    with pytest.raises(RuntimeError, match='attach'):
        ManifoldMixup()(*batch())


def test_two_ranks_draw_for_themselves_and_share_gradients(net, tmp_path):
    gloo.spawn(worker, tmp_path)
    ranks = [torch.load(tmp_path / f'rank{rank}') for rank in range(2)]
    assert ranks[0][0] != ranks[1][0]
    for lam, index, x, soft, _ in ranks:
        (F.cross_entropy(reference(net, x, 'layer2', lam, index), soft.double()) / 2).backward()
    for p, a, b in zip(net.parameters(), ranks[0][4], ranks[1][4]):
        assert torch.allclose(p.grad, a) and torch.equal(a, b)

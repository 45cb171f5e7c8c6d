"""BatchFormer: the same loss by hand, gradients between images, no trace of it at test, bad input."""
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip('mmpretrain')
from mmpretrain.structures import DataSample

from mmlt.cls import BatchFormerClsHead

FEATS = torch.randn(6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.tensor([0, 2, 1, 0, 0, 1])
SAMPLES = [DataSample().set_gt_label(int(y)) for y in LABELS]


@pytest.fixture
def head():
    torch.manual_seed(0)
    return BatchFormerClsHead(3, 8, num_heads=2, dropout=0.).double()


def attention(x, layer, heads):
    """(N, D) -> (N, D): a post-norm transformer layer over the rows of one sequence, by hand."""
    n, d = x.shape
    q, k, v = (F.linear(x, w, b).view(n, heads, d // heads) for w, b in zip(
        layer.self_attn.in_proj_weight.chunk(3), layer.self_attn.in_proj_bias.chunk(3)))
    mixed = torch.stack([(q[:, i] @ k[:, i].T / (d // heads)**.5).softmax(1) @ v[:, i] for i in range(heads)], 1)
    x = layer.norm1(x + layer.self_attn.out_proj(mixed.reshape(n, d)))
    return layer.norm2(x + layer.linear2(layer.linear1(x).relu()))


def test_naive(head):
    rows = torch.cat([FEATS, attention(FEATS, head.encoder, 2)])
    expected = F.cross_entropy(rows @ head.fc.weight.T + head.fc.bias, LABELS.repeat(2))
    torch.testing.assert_close(head.loss((FEATS, ), SAMPLES)['loss'], expected)


def test_images_of_a_batch_share_gradients_in_training_alone(head):
    feats = FEATS.clone().requires_grad_()
    rows = []
    head.loss_module.forward = lambda logits, target, **kwargs: rows.append(logits) or logits.sum()
    head.loss((feats, ), SAMPLES)
    plain, related = rows[0].split(6)
    assert torch.autograd.grad(plain[0, 0], feats, retain_graph=True)[0][1:].eq(0).all()
    assert torch.autograd.grad(related[0, 0], feats)[0].ne(0).all()
    head.eval()
    both, alone = head.predict((FEATS, ), SAMPLES), head.predict((FEATS[:1], ), SAMPLES[:1])
    torch.testing.assert_close(both[0].pred_score, alone[0].pred_score)
    torch.testing.assert_close(head((FEATS, )), head.fc(FEATS))


def test_soft_labels_and_prior(head):
    soft = [DataSample().set_gt_score(row) for row in F.one_hot(LABELS, 3).double()]
    torch.testing.assert_close(head.loss((FEATS, ), soft)['loss'], head.loss((FEATS, ), SAMPLES)['loss'])
    prior = BatchFormerClsHead(3, 8, loss=dict(type='BalancedSoftmaxLoss', class_counts=[9, 3, 1]))
    assert prior.loss((FEATS.float(), ), SAMPLES)['loss'].isfinite()


@pytest.mark.parametrize('settings, message', [
    (dict(num_heads=3), 'num_heads=3 must divide in_channels=8'), (dict(num_heads=0), 'num_heads must be an integer'),
    (dict(dropout=1), 'dropout must be a number'), (dict(cal_acc=True), 'has no cal_acc')])
def test_bad_input(settings, message):
    with pytest.raises(ValueError, match=message):
        BatchFormerClsHead(3, 8, **settings)

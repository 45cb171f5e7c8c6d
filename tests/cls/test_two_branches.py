"""A backbone whose last block stands twice, and BBN around it."""
import pytest

pytest.importorskip('mmpretrain')
import torch
from mmengine.logging import MessageHub
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F

from mmlt.cls import BilateralBranchClassifier, TwoBranchBackbone
from mmlt.cls.two_branches import last_block
from mmlt.engine.cam import CAMTeacher

CIFAR = dict(type='ResNetCIFAR32', depth=14, base_channels=4)
HEAD = dict(type='LongTailClsHead', num_classes=3, in_channels=16)


class Partners:
    """In the place of the second stream."""

    def __init__(self, *batch):
        self.batch = batch

    def take(self, n):
        return self.batch


def samples(*labels):
    from mmpretrain.structures import DataSample
    return [DataSample().set_gt_label(label) for label in labels]


def at_epoch(epoch, max_epochs):
    hub = MessageHub.get_instance('two branches')
    for key, value in dict(epoch=epoch, max_epochs=max_epochs).items():
        hub.update_info(key, value)


@pytest.mark.parametrize(('backbone', 'path', 'width'), [
    (CIFAR, 'layer3.1', 16),
    (dict(type='ResNet', depth=18), 'layer4.1', 512),
    (dict(type='ConvNeXt', arch='atto'), 'stages.3.1', 320),
    (dict(type='SwinTransformer', arch='tiny', img_size=64, pad_small_map=True), 'stages.3.blocks.1', 768),
    (dict(type='VisionTransformer', arch='deit-t', img_size=64, out_type='cls_token'), 'layers.11', 192),
])
def test_any_backbone(backbone, path, width):
    backbone = MODELS.build(backbone)
    assert last_block(backbone) == path
    plain = {key: x.clone() for key, x in backbone.state_dict().items()}
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    backbone.double().eval()  # which gives None where MMPretrain overrides train()
    with torch.no_grad():
        expected = backbone(x)[-1]
        two = TwoBranchBackbone(backbone).eval()
        torch.testing.assert_close(two(x)[-1], torch.cat([expected] * 2, 1))  # the second block is a copy
        for p in two.block.blocks[1].parameters():
            p += 0.1
        first, second = two.branch(x, 0)[-1], two.branch(x, 1)[-1]
        torch.testing.assert_close(first, expected)
        assert first.shape[1] == width and not first.allclose(second)
        torch.testing.assert_close(two(x)[-1], torch.cat([first, second], 1))
        split = two.branch(x, 'split')[-1]
        torch.testing.assert_close(split, torch.cat([first[:1], second[1:]]))
    two.backbone.load_state_dict(plain)  # strictly: the weights of the plain backbone go into both
    with torch.no_grad():
        torch.testing.assert_close(two.branch(x, 1)[-1], expected)


def test_no_block():
    with pytest.raises(ValueError, match=r"no module 'layer5'.*did you mean"):
        TwoBranchBackbone(MODELS.build(CIFAR), 'layer5')
    with pytest.raises(ValueError, match=r'VGG does not end in a stage of blocks.*block='):
        TwoBranchBackbone(MODELS.build(dict(type='VGG', depth=11)))


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = BilateralBranchClassifier(CIFAR, dict(type='GlobalAveragePooling'), HEAD)
    model.partners = Partners(torch.randn(4, 3, 16, 16), samples(2, 2, 1, 0))
    return model.eval()  # batch norm does not see who goes with whom


@pytest.mark.parametrize('joint', [False, True])
@pytest.mark.parametrize(('epoch', 'max_epochs', 'alpha'), [(0, None, 1.), (100, None, .75), (199, None, .009975),
                                                           (89, 100, .2079)])
def test_loss(model, joint, epoch, max_epochs, alpha):
    model.joint, model.max_epochs = joint, max_epochs
    at_epoch(epoch, 200 if max_epochs is None else 90)
    x, y = torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 0, 2])
    loss = model.loss(x, samples(*y.tolist()))['loss']
    f, g = (model.backbone.branch(images, b)[-1].mean((2, 3)) for b, images in enumerate((x, model.partners.batch[0])))
    logits = model.head.fc(2 * torch.cat([alpha * f, (1 - alpha) * g], 1))
    torch.testing.assert_close(
        loss, alpha * F.cross_entropy(logits, y) + (1 - alpha) * F.cross_entropy(logits, torch.tensor([2, 2, 1, 0])))
    loss.backward()
    rare = [*(p.grad for p in model.backbone.block.blocks[1].parameters()), model.head.fc.weight.grad[:, 16:]]
    assert all(bool(grad.any()) == (alpha < 1) for grad in rare)
    assert model.head.fc.weight.grad[:, :16].any()


def test_the_logits_of_three_classes():
    """Two features of width 2 and alpha = 3/4 by hand."""
    class Given(nn.Module):
        def branch(self, x, number):
            return (torch.tensor([[1., 2.]]) if number == 0 else torch.tensor([[.5, -1.]]), )

        def forward(self, x):
            return (torch.tensor([[1., 2., .5, -1.]]), )

    at_epoch(100, 200)
    model = BilateralBranchClassifier(CIFAR, head=dict(HEAD, in_channels=2))
    model.backbone, model.partners = Given(), Partners(None, samples(2))
    nn.init.zeros_(model.head.fc.bias)
    model.head.fc.weight.data = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1], [.5] * 4])
    torch.testing.assert_close(model.loss(None, samples(0))['loss'].item(), 1.426199, atol=1e-6, rtol=0)
    assert model(None).tolist() == [[1.5, 1.0, 1.25]]


def test_one_forward_at_test_and_cam(model):
    x, calls = torch.randn(2, 3, 16, 16), []
    model.backbone.backbone.conv1.register_forward_hook(lambda *args: calls.append(1))
    expected = model.head.fc(torch.cat([model.backbone.branch(x, b)[-1].mean((2, 3)) for b in (0, 1)], 1))
    calls.clear()
    score = torch.stack([sample.pred_score for sample in model.predict(x, samples(0, 1))])
    assert len(calls) == 1
    torch.testing.assert_close(score, expected.softmax(1))
    assert CAMTeacher(model)(x, torch.tensor([0, 1])).shape == (2, 4, 4)


def test_errors(model):
    model.partners = None
    at_epoch(0, 10)
    with pytest.raises(RuntimeError, match='PartnerHook'):
        model.loss(torch.randn(2, 3, 16, 16), samples(0, 1))
    model.max_epochs = 5
    at_epoch(6, 10)
    with pytest.raises(ValueError, match=r'epoch 6 of max_epochs=5: alpha would leave \[0, 1\]'):
        model.loss(torch.randn(2, 3, 16, 16), samples(0, 1))
    with pytest.raises(ValueError, match='in_channels'):
        BilateralBranchClassifier(CIFAR)

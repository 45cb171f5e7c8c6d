"""MMPretrain's classifiers of other libraries keep the state of the loss through save and resume."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny
from mmpretrain.registry import MODELS


@pytest.fixture
def classifier(request, tmp_path):
    if request.param == 'TimmClassifier':
        pytest.importorskip('timm')
        return dict(type='TimmClassifier', model_name='test_resnet')
    transformers = pytest.importorskip('transformers')
    transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8], depths=[1], layer_type='basic', num_labels=3).save_pretrained(tmp_path)
    return dict(type='HuggingFaceClassifier', model_name=str(tmp_path))


def settings(classifier, loss, **kwargs):
    classes = dict(num_classes=3) if classifier['type'] == 'TimmClassifier' else {}
    return dict(model=dict(classifier, **classes, _delete_=True, loss=dict(type=loss)), **kwargs)


@pytest.mark.parametrize('classifier', ['TimmClassifier', 'HuggingFaceClassifier'], indirect=True)
@pytest.mark.parametrize('loss, more', [
    ('SeesawSoftmaxLoss', {}), ('EqualizationLossV2', {}),
    ('BalancedSoftmaxLoss', dict(stages=[dict(begin=1, loss=dict(type='SeesawSoftmaxLoss'))]))
], ids=['seesaw', 'eqlv2', 'stages'])
def test_resumed_run_is_the_same(tmp_path, classifier, loss, more):
    whole = tiny.train(tmp_path / 'whole', epochs=3, **settings(classifier, loss, **more))
    part = tiny.train(tmp_path / 'part', epochs=3, resume=True, load_from=str(tmp_path / 'whole/epoch_2.pth'),
                      **settings(classifier, loss, **more))
    a, b = whole.model.state_dict(), part.model.state_dict()
    assert a.keys() == b.keys() and [key for key in a if not torch.equal(a[key], b[key])] == []
    counted = [key for key in a if key.endswith(('seen', 'positive'))]
    assert counted and all(a[key].sum() > 0 for key in counted)


@pytest.mark.parametrize('classifier', ['TimmClassifier'], indirect=True)
def test_without_the_hook_the_state_is_lost(classifier):
    """The reason for the hook: when MMPretrain mends it, both may go."""
    model = MODELS.build(dict(classifier, num_classes=3, loss=dict(type='SeesawSoftmaxLoss', num_classes=3)))
    model.loss_module.seen += 1
    state = model.state_dict()
    model.loss_module.seen *= 0
    unexpected = model.load_state_dict(state, strict=False).unexpected_keys
    assert 'model.loss_module.seen' in unexpected and not model.loss_module.seen.any()


@pytest.mark.parametrize('classifier', ['TimmClassifier', 'HuggingFaceClassifier'], indirect=True)
def test_with_ema(tmp_path, classifier):
    """``EMAHook`` ended in a KeyError at the first checkpoint, and the copy of the loss kept its own state."""
    ema = dict(custom_hooks=[dict(type='ClassCountsHook'), dict(type='EMAHook')])
    whole = tiny.train(tmp_path / 'whole', epochs=3, **settings(classifier, 'SeesawSoftmaxLoss', **ema))
    part = tiny.train(tmp_path / 'part', epochs=3, resume=True, load_from=str(tmp_path / 'whole/epoch_2.pth'),
                      **settings(classifier, 'SeesawSoftmaxLoss', **ema))
    for runner in (whole, part):
        hook = next(hook for hook in runner.hooks if hasattr(hook, 'ema_model'))
        runner.averaged = hook.ema_model.module.state_dict()
    for a, b in ((whole.model.state_dict(), part.model.state_dict()), (whole.averaged, part.averaged)):
        assert a.keys() == b.keys() and [key for key in a if not torch.equal(a[key], b[key])] == []
    saved = torch.load(tmp_path / 'whole/epoch_3.pth', weights_only=False)
    assert saved['state_dict'].keys() == whole.model.state_dict().keys()
    assert all(saved['state_dict'][key].equal(value) for key, value in whole.averaged.items())

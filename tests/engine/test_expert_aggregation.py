"""SADE's aggregation: the objective, what it learns, and that it says what it reads."""
import numpy as np
import pytest
import torch

from mmlt.core.aggregation import aggregate_experts, view_agreement


def test_agreement():
    z, v = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    w = torch.tensor([0.3, -0.2, 1.], dtype=torch.float64)
    share = np.exp(w) / np.exp(w).sum()
    total = 0
    for i in range(5):
        a, b = (torch.softmax(sum(share[e] * x[e, i] for e in range(3)), 0) for x in (z, v))
        total += float(a @ b / (a.norm() * b.norm()))
    assert view_agreement(w, z, v).item() == pytest.approx(total / 5)


def logits(noise, seed=0):
    """Expert 0 sees the same in both views, the others partly noise."""
    g = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(3, 64, 6, generator=g)
    return z, z + torch.tensor(noise).view(3, 1, 1) * torch.randn(3, 64, 6, generator=g)


def test_the_expert_whose_views_agree_gains():
    weights = aggregate_experts([[logits([0., 3, 3])] * 20] * 2, 3, min_weight=0)
    assert weights[0] > 0.5 and weights.sum().item() == pytest.approx(1)


def test_a_collapse_keeps_the_weights_before():
    weights = aggregate_experts([[logits([0., 6, 6])] * 500], 3, lr=1., min_weight=0.05)
    assert weights.tolist() == pytest.approx([1 / 3] * 3)


def test_in_a_test_run(tmp_path, caplog):
    pytest.importorskip('mmpretrain')
    import tiny
    experts = dict(
        model__backbone=dict(type='MultiExpertResNetCIFAR32', depth=8, base_channels=4),
        model__head=dict(type='MultiExpertClsHead', num_classes=3, in_channels=12, loss=dict(type='SADELoss')))
    tiny.train(tmp_path / 'train', epochs=2, **experts)
    views = [dict(type='RandomCrop', crop_size=8, padding=2), dict(type='PackInputs')]
    run = tiny.runner(tmp_path / 'test', load_from=str(tmp_path / 'train/epoch_2.pth'), log_level='INFO',
                      custom_hooks=[dict(type='ExpertAggregationHook', steps=4, lr=1., pipeline=views)], **experts)
    dataset = run.cfg.test_dataloader.dataset
    metrics = run.test()
    weights = [metrics[f'experts/weight_{e}'] for e in range(3)]
    assert metrics['experts/weights_from_test_images'] == 1 and sum(weights) == pytest.approx(1)
    assert len(set(weights)) == 3 and torch.allclose(run.model.head.expert_weights, torch.tensor(weights))
    log = next((tmp_path / 'test').glob('*/*.log')).read_text()
    assert 'reads the images of the test set' in log
    assert dataset == run.cfg.test_dataloader.dataset
    assert len(run.test_dataloader.dataset.pipeline.transforms) == 1  # the test set's own again
    plain = tiny.runner(tmp_path / 'plain', load_from=str(tmp_path / 'train/epoch_2.pth'), **experts).test()
    assert not any(key.startswith('experts') for key in plain)


def test_bad_input(tmp_path):
    pytest.importorskip('mmpretrain')
    import tiny

    from mmlt.engine.hooks import ExpertAggregationHook
    with pytest.raises(ValueError, match='weighs the experts of MultiExpertClsHead, which ImageClassifier'):
        tiny.runner(tmp_path, custom_hooks=[dict(type='ExpertAggregationHook')]).test()
    with pytest.raises(ValueError, match='steps must be an integer >= 1'):
        ExpertAggregationHook(steps=0)

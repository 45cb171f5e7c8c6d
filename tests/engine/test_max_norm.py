import pytest
import torch

pytest.importorskip('mmpretrain')
import tiny

from mmlt.engine.hooks import MaxNormHook

HOOK = [dict(type='MaxNormHook', path='head.fc')]


def test_rows_stay_in_the_ball_and_resume_keeps_its_radius(tmp_path):
    whole = tiny.train(tmp_path / 'whole', epochs=2, custom_hooks=HOOK)
    radius = torch.load(tmp_path / 'whole/epoch_1.pth', weights_only=False)['mmlt_max_norm']
    assert (whole.model.head.fc.weight.norm(dim=1) <= radius * (1 + 1e-6)).all()
    part = tiny.train(tmp_path / 'part', epochs=2, custom_hooks=HOOK, resume=True,
                      load_from=str(tmp_path / 'whole/epoch_1.pth'))
    assert torch.equal(whole.model.head.fc.weight, part.model.head.fc.weight)


def test_projection_after_each_epoch(tmp_path):
    longest = []

    class Spy(MaxNormHook):
        def after_train_epoch(self, runner):
            for act in (lambda runner: None, super().after_train_epoch):
                act(runner)
                longest.append((runner.model.head.fc.weight.norm(dim=1).max() / self.radius).item())

    run = tiny.runner(tmp_path, epochs=2)
    run.register_hook(Spy(by_epoch=True))
    run.train()
    assert min(longest[::2]) > 1.01 and max(longest[1::2]) <= 1 + 1e-6


@pytest.mark.parametrize('share', [-1, 2, float('nan')])
def test_bad_share(share):
    with pytest.raises(ValueError, match='MaxNormHook: share'):
        MaxNormHook(share=share)


def test_unknown_path(tmp_path):
    with pytest.raises(ValueError, match=r"no module 'head\.f'"):
        tiny.train(tmp_path, custom_hooks=[dict(type='MaxNormHook', path='head.f')])

import pytest
import torch

pytest.importorskip('mmpretrain')
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.models.classifiers import ImageClassifier
from mmpretrain.structures import DataSample

from mmlt.cls.heads import LongTailClsHead, NCMClsHead
from mmlt.core.layers import NCMClassifier
from mmlt.engine.hooks.fit_classifier import FitClassifierHook


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


class Pool(BaseModel):
    """A backbone: BN, to see that it stays, and the pixels' mean."""

    def __init__(self):
        super().__init__()
        self.bn = torch.nn.BatchNorm2d(3)

    def forward(self, x):
        return (self.bn(x).mean((2, 3)),)


class Data(torch.utils.data.Dataset):
    def __init__(self):
        g = torch.Generator().manual_seed(0)
        self.labels = torch.arange(22) % 4
        self.images = torch.randn(22, 3, 2, 2, generator=g) + 5 * torch.eye(4, 3)[self.labels][..., None, None]

    def __len__(self):
        return 22

    def __getitem__(self, i):
        return dict(inputs=self.images[i], data_samples=DataSample().set_gt_label(self.labels[i]))


def runner(tmp_path, head):
    loader = dict(batch_size=4, dataset=Data(), sampler=dict(type='DefaultSampler', shuffle=True),
                  collate_fn=dict(type='pseudo_collate'), num_workers=0)
    return Runner(
        model=ImageClassifier(Pool(), head=head), work_dir=str(tmp_path), experiment_name=tmp_path.name,
        train_dataloader=loader, train_cfg=dict(by_epoch=True, max_epochs=0),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1)), val_dataloader=loader, val_cfg=dict(),
        val_evaluator=dict(type='mmpretrain.Accuracy'), default_scope='mmpretrain', custom_hooks=[FitClassifierHook()])


def test_ncm_is_fitted_validated_and_saved(tmp_path):
    run = runner(tmp_path, NCMClsHead(4, 3, mode='un'))
    run.train()
    data, want = Data(), NCMClassifier(3, 4, mode='un')
    bn = torch.nn.BatchNorm2d(3).eval()
    want.fit(bn(data.images).mean((2, 3)).detach(), data.labels)
    fc = run.model.head.fc
    torch.testing.assert_close(fc.centroids, want.centroids)
    assert fc.counts.tolist() == [6, 6, 5, 5]
    assert run.model.backbone.bn.num_batches_tracked == 0
    assert run.message_hub.get_scalar('val/accuracy/top1').current() > 90
    saved = torch.load(tmp_path / 'fitted.pth', weights_only=False)['state_dict']
    assert saved['head.fc.centroids'].equal(fc.centroids)


def test_a_classifier_that_cannot_be_fitted(tmp_path):
    with pytest.raises(ValueError, match='no fit'):
        runner(tmp_path, LongTailClsHead(4, 3)).train()

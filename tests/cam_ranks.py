"""Squares, a model that sees them, and one rank that makes their CAMs; importable by spawned processes."""
import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmpretrain.datasets import BaseDataset
from mmpretrain.models import ClsDataPreprocessor, GlobalAveragePooling, ImageClassifier, LinearClsHead
from torch import nn

from mmlt.engine.cam import CAMStage

init_default_scope('mmpretrain')


class Brightness(nn.Module):
    """Features: the first channel of the normalised image and the last, in cells of 4 x 4 pixels."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3, affine=True)
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return (nn.functional.avg_pool2d(self.norm(x), 4)[:, [0, 2]],)


def classifier(head=None, neck=None, **preprocess):
    preprocess = dict(mean=[0.] * 3, std=[255.] * 3, num_classes=2) | preprocess
    model = ImageClassifier(Brightness(), neck or GlobalAveragePooling(), head or LinearClsHead(2, 2),
                            data_preprocessor=ClsDataPreprocessor(**preprocess))
    if head is None:
        with torch.no_grad():
            model.head.fc.weight.copy_(torch.eye(2))
    return model


def square(i):
    """24 x 24, a bright square of 8 x 8 in channel 0 for even i, in channel 2 for odd; it moves with i."""
    image = np.random.RandomState(i).randint(0, 60, (24, 24, 3), dtype=np.uint8)
    x, y = 4 * (i % 4), 4 * (i // 4 % 4)
    image[y:y + 8, x:x + 8, 2 * (i % 2)] = 250
    return image


class Squares(BaseDataset):
    METAINFO = {'classes': ('first', 'last')}

    def __init__(self, n=12, start=0, pipeline=(dict(type='PackInputs'),), **kwargs):
        self.n, self.start = n, start
        super().__init__(ann_file='', pipeline=list(pipeline), **kwargs)

    def load_data_list(self):
        return [dict(img=square(i), gt_label=i % 2) for i in range(self.start, self.start + self.n)]


def worker(rank, folder):
    torch.distributed.init_process_group('gloo')
    stage = CAMStage(dict(prob=1., cached=True))
    stage.snapshot(classifier())
    seen = stage.teacher.backbone.seen
    stage.cache(Squares(13), f'{folder}/cams.pth', batch_size=4)
    torch.save([stage.state_dict()['cams'][0].clone(), sum(map(len, seen))], f'{folder}/rank{rank}.pth')

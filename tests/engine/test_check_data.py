"""Missing, empty and broken image files are named."""
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmpretrain.datasets import CustomDataset
from torch.utils.data import DataLoader

from mmlt.engine.hooks import CheckDataHook
from mmlt.engine.positions import position_samples


@pytest.fixture
def folder(tmp_path):
    for name in ('a/0.png', 'a/1.png', 'b/2.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    return tmp_path


def dataset(folder):
    return CustomDataset(data_root=str(folder), pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')])


def start(data, always=False):
    loader = SimpleNamespace(dataset=data)
    CheckDataHook(always).before_train(SimpleNamespace(train_dataloader=loader, val_loop=None))


def test_missing_and_empty_files_are_found_before_the_first_epoch(folder, monkeypatch):
    data = dataset(folder)
    start(data)
    (folder / 'a/1.png').unlink()
    (folder / 'b/2.png').write_bytes(b'')
    with pytest.raises(FileNotFoundError, match=r'2 of 3 image files are missing or empty: .*1\.png, .*2\.png; '):
        start(data)
    monkeypatch.setattr('mmlt.engine.hooks.check_data.LIMIT', 2)
    start(data)
    with pytest.raises(FileNotFoundError):
        start(data, always=True)


@pytest.mark.parametrize('workers', [0, 1])
def test_a_broken_image_is_named(folder, workers):
    (folder / 'b/2.png').write_bytes(b'no image')
    loader = DataLoader(dataset(folder), batch_size=3, num_workers=workers, collate_fn=list)
    position_samples(loader, 0)
    with pytest.raises(RuntimeError, match=r'image 2, .*2\.png, cannot be read or transformed'):
        list(loader)

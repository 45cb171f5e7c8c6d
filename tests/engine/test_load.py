"""Checkpoints: nothing in them is executed, and a damaged one is refused."""
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from mmlt.engine.checkpoints import newest_checkpoint
from mmlt.engine.hooks import ClassCountsHook
from mmlt.engine.load import check_fit, misfits, read_checkpoint, saved_counts


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def save(path, **more):
    torch.save({'meta': dict(epoch=1, iter=6), 'state_dict': nn.Linear(2, 3).state_dict(), **more}, path)
    return path


def test_the_types_of_mmengine_come_through(tmp_path):
    history = HistoryBuffer([1., 2.], [1, 1])
    path = save(tmp_path / 'x.pth', message_hub=dict(log_scalars=dict(loss=history), runtime_info=dict(
        best=np.float64(3), step=np.int64(2), names=np.array(['a']), flags=np.array([True]), counts=np.arange(3))))
    hub = read_checkpoint(path)['message_hub']
    assert hub['log_scalars']['loss'].current() == 2 and hub['log_scalars']['loss'].statistics('mean') == 1.5
    assert hub['runtime_info']['best'] == 3 and hub['runtime_info']['counts'].tolist() == [0, 1, 2]


@pytest.mark.parametrize('place', ['meta', 'state_dict', 'message_hub', 'optimizer'])
def test_a_pickle_that_acts_is_refused(tmp_path, place):
    path, mark = tmp_path / 'x.pth', tmp_path / 'executed'
    save(path, **{place: dict(x=Evil(mark))})
    with pytest.raises(ValueError, match=r'holds more than data: loading it would call pathlib.*--trust'):
        read_checkpoint(path)
    assert not mark.exists()
    read_checkpoint(path, trust=True)
    assert mark.exists()


class Reach:
    """``getattr`` of something else than a log history's method."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


def test_getattr_reaches_histories_alone(tmp_path):
    with pytest.raises(ValueError, match='holds more than data'):
        read_checkpoint(save(tmp_path / 'x.pth', more=Reach()))


def test_the_config_is_dropped_and_a_path_is_no_count(tmp_path):
    path = tmp_path / 'x.pth'
    save(path, meta=dict(config='import os', cfg='a = 1', class_counts=[3, 1]))
    checkpoint = read_checkpoint(path)
    assert set(checkpoint['meta']) == {'cfg', 'class_counts'}
    assert saved_counts(checkpoint).tolist() == [3, 1]
    for wrong in ('/etc/hostname', Path('/etc/hostname'), {'a': 1}):
        meta = dict(meta=dict(class_counts=wrong))
        with pytest.raises(ValueError, match='class_counts'):
            ClassCountsHook().after_load_checkpoint(None, meta)
    save(path, meta=dict(class_counts='/etc/hostname'))
    with pytest.raises(ValueError, match=r'meta\.class_counts of the checkpoint is'):
        read_checkpoint(path)


def test_a_flipped_bit_is_seen(tmp_path):
    path = save(tmp_path / 'x.pth')
    content = bytearray(path.read_bytes())
    weight = torch.load(path)['state_dict']['weight']
    content[content.index(weight.numpy().tobytes())] ^= 64
    path.write_bytes(content)
    assert not torch.equal(torch.load(path)['state_dict']['weight'], weight)  # torch does not mind
    with pytest.raises(ValueError, match=r'no checkpoint, or a truncated one .*wrong checksum'):
        read_checkpoint(path)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_no_numbers(tmp_path, value):
    state = nn.BatchNorm1d(2).state_dict()
    state['running_var'][1] = value
    with pytest.raises(ValueError, match='NaN or infinite weights: running_var'):
        read_checkpoint(save(tmp_path / 'x.pth', state_dict=state))
    with pytest.raises(ValueError, match='NaN or infinite weights: running_var'):
        read_checkpoint(save(tmp_path / 'x.pth', ema_state_dict=state))
    huge = torch.tensor([1.]).expand(2 ** 40)  # 4 bytes in the file
    read_checkpoint(save(tmp_path / 'x.pth', state_dict=dict(x=huge)))


def test_a_compressed_archive_is_refused(tmp_path):
    path = tmp_path / 'x.pth'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data.pkl', b'0' * 10**6)
    with pytest.raises(ValueError, match=r'torch\.save compresses nothing'):
        read_checkpoint(path)


def test_what_does_not_fit_is_listed():
    def model(*sizes):
        return nn.Sequential(*(nn.Linear(2, n) for n in sizes))

    assert misfits(model(2, 3), model(2, 3).state_dict()) == ([], [], [])
    assert misfits(model(2, 3), model(2, 4, 1).state_dict()) == ([], ['2.weight', '2.bias'], ['1.weight', '1.bias'])
    assert misfits(model(2, 3), {f'module.{k}': v for k, v in model(2).state_dict().items()}) == (
        ['1.weight', '1.bias'], [], [])
    with pytest.raises(ValueError, match=r'it lacks 1 weights: 1\.bias\. Take'):
        check_fit(model(2, 3), model(2).state_dict(), ['weight'])
    assert check_fit(model(2, 3), model(2).state_dict(), [r'^1\.']) == ['1.weight', '1.bias']


def test_the_newest_whole_checkpoint(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    for n in (2, 9, 10, 11):
        save(tmp_path / f'epoch_{n}.pth')
    (tmp_path / 'last_checkpoint').write_text('elsewhere/epoch_2.pth')
    (tmp_path / 'epoch_11.pth').write_bytes((tmp_path / 'epoch_11.pth').read_bytes()[:-9])
    save(tmp_path / 'best_top1_epoch_12.pth')
    assert newest_checkpoint(tmp_path).name == 'epoch_10.pth'
    assert newest_checkpoint(tmp_path, below=10).name == 'epoch_9.pth'
    save(tmp_path / 'iter_70.pth', meta=dict(iter=70))
    assert newest_checkpoint(tmp_path).name == 'iter_70.pth'
    named = save(tmp_path / 'mine.pth')
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other/last_checkpoint').write_text(str(named))
    assert newest_checkpoint(tmp_path / 'other') == named

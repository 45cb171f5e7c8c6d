"""Two ranks with half a batch each equal one process with the whole."""
import pytest

pytest.importorskip('mmdet')
pytest.importorskip('mmcv._ext')
import det_ranks
import gloo
import torch


def test_state_is_that_of_the_joint_batch(tmp_path):
    gloo.spawn(det_ranks.worker, tmp_path)
    ranks = [torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)]
    for joint, *halves in zip(det_ranks.run(), *ranks):
        for key, value in joint.items():
            torch.testing.assert_close(halves[0][key], value)
            assert halves[0][key].equal(halves[1][key])

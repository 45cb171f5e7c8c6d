"""Two gloo processes equal one with the joint batch: SAM's step, the accuracies behind the accuracy-driven sampler, the
means behind CReST+'s alignment."""
import gloo
import pytest
import torch

pytest.importorskip('mmpretrain')
import transfer_ranks


def test_two_ranks_are_one_process(tmp_path):
    state, accuracy, means = transfer_ranks.one_process()
    gloo.spawn(transfer_ranks.worker, tmp_path)
    for rank in range(2):
        own, seen, joint = torch.load(tmp_path / f'{rank}.pt')
        for key, value in state.items():
            torch.testing.assert_close(own[key], value, rtol=1e-9, atol=1e-12, msg=key)
        torch.testing.assert_close(seen, accuracy)
        torch.testing.assert_close(joint, means)

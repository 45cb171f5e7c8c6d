"""Zero-shot classifiers beside linear ones."""
import pytest
import torch

from mmlt.core.gla import estimate_prior, generalized_logit_adjustment
from mmlt.core.layers import ZeroShotLinear


@pytest.mark.parametrize('embed_dim', [None, 3])
def test_naive_in_float64(embed_dim):
    generator = torch.Generator().manual_seed(0)
    layer = ZeroShotLinear(4, 2, embed_dim, scale=7.).double()
    state = {key: torch.randn(value.shape, generator=generator, dtype=torch.float64)
             for key, value in layer.state_dict().items()}
    layer.load_state_dict(state)
    x = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    for row, logits in zip(x, layer(x).detach()):
        image = row if embed_dim is None else torch.stack([row @ column for column in state['projection'].T])
        for c in range(2):
            t = state['text'][c]
            cosine = float(image @ t) / float(image.norm() * t.norm())
            assert float(logits[c]) == pytest.approx(7 * cosine + float(row @ state['weight'][c] + state['bias'][c]))


def test_rows_of_a_refit_are_the_formulas_of_gla(tmp_path):
    pytest.importorskip('mmengine')
    from mmlt.core.refit import as_split, linear
    from mmlt.engine.refit import text_rows, zero_shot

    torch.manual_seed(0)
    x, labels = torch.randn(50, 6), torch.arange(50) % 3 % 2
    train, joint = as_split(x, labels, 2), linear(torch.randn(2, 6), torch.randn(2))
    torch.save(dict(weight=torch.randn(2, 6), names=['a', 'b'], scale=5.), tmp_path / 'text.pth')
    layer, counts = zero_shot(tmp_path / 'text.pth', ['a', 'b'], joint), train.counts(2)
    rows = text_rows(layer, train, joint, (counts / counts.sum()).log())
    prior = estimate_prior(layer(x), labels)
    assert torch.allclose(rows['zero_shot-gla'](x), generalized_logit_adjustment(layer(x), prior), atol=1e-4)
    assert torch.allclose(rows['ensemble'](x), layer(x) + joint(x), atol=1e-4)
    expected = generalized_logit_adjustment(layer(x), prior, joint(x), counts)
    assert torch.allclose(rows['gla'](x), expected, atol=1e-4)


def test_bad_arguments():
    for kwargs in (dict(embed_dim=-1), dict(scale=0.)):
        with pytest.raises(ValueError, match='ZeroShotLinear: '):
            ZeroShotLinear(4, 2, **kwargs)

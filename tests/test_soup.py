"""Model soups: the mean, what is refused, and the tool."""
import pytest
import torch
from toolbox import tool

from mmlt.core.soup import soup


def states(n=3):
    g = torch.Generator().manual_seed(0)
    return [dict(w=torch.randn(4, 2, generator=g), b=torch.randn(4, generator=g), steps=torch.tensor(i))
            for i in range(n)]


def test_mean():
    parts = states()
    mean = soup(parts, [0.5, 0.3, 0.2])
    torch.testing.assert_close(mean['w'], 0.5 * parts[0]['w'] + 0.3 * parts[1]['w'] + 0.2 * parts[2]['w'])
    assert mean['steps'] == 0 and mean['w'].dtype == torch.float32
    same = soup([parts[0]] * 4)
    assert all(torch.equal(same[key], value) for key, value in parts[0].items())


@pytest.mark.parametrize('args, message', [
    ((states(1), ), '2 models or more, got 1'), ((states(), [0.5, 0.5]), '3 shares that sum to 1'),
    ((states(), [1, 1, 1]), '3 shares that sum to 1'),
    (([states()[0], {'w': torch.zeros(4, 3)}], ), 'model 1 and model 0 differ in 3 weights, as w'),
])
def test_bad_input(args, message):
    with pytest.raises(ValueError, match=message):
        soup(*args)


def test_tool(tmp_path, capsys):
    pytest.importorskip('mmengine')
    files = []
    for i, state in enumerate(states()):
        files.append(str(tmp_path / f'{i}.pth'))
        torch.save(dict(state_dict=state, meta=dict(class_counts=[5, 2 + (i == 2)])), files[-1])
    main = tool('soup').main
    main([*files[:2], '--out', str(tmp_path / 'soup.pth')])
    made = torch.load(tmp_path / 'soup.pth', weights_only=True)
    assert made['meta']['class_counts'] == [5, 2] and made['meta']['soup'] == files[:2]
    torch.testing.assert_close(made['state_dict']['b'], (states()[0]['b'] + states()[1]['b']) / 2)
    main([*files, '--out', str(tmp_path / 'soup.pth')])
    assert 'Refit its classifier' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='error: no checkpoint'):
        main([*files, str(tmp_path / 'none.pth'), '--out', str(tmp_path / 'soup.pth')])

import copy

import pytest
import torch

from mmlt.core.counts import ClassCounts, ExactBuffers, as_counts

DIGITS = [1 / 3, 1e6 + 0.1]


class Part(ExactBuffers):

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.register_buffer('exact', torch.tensor(DIGITS, dtype=torch.float64))
        self.register_buffer('steps', torch.tensor(3))
        self.register_buffer('empty', None)


@pytest.mark.parametrize('cast', [
    lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.float(), lambda m: m.to(torch.float16),
    lambda m: m.to('cpu', torch.bfloat16), lambda m: m.type(torch.float16), lambda m: copy.deepcopy(m).half()
])
def test_exact_buffers_keep_their_digits(cast):
    model = cast(torch.nn.Sequential(Part(), torch.nn.Linear(1, 1)))
    assert model[0].exact.dtype == torch.float64 and model[0].exact.tolist() == DIGITS and model[0].empty is None
    assert model[0].weight.dtype == model[1].weight.dtype
    assert list(model[0].state_dict()) == ['weight', 'exact', 'steps']


def test_exact_buffers_move():
    part = Part().to('meta', torch.float16)
    assert part.exact.is_meta and part.weight.is_meta and part.exact.dtype == torch.float64
    assert part.to_empty(device='cpu').exact.device.type == 'cpu' and part.exact.dtype == torch.float64


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
def test_exact_buffers_move_to_the_gpu_and_back():
    part = Part().half().cuda()
    assert part.exact.is_cuda and part.exact.dtype == torch.float64 and part.cpu().exact.tolist() == DIGITS


@pytest.mark.parametrize('counts, words', [
    ({0: 5, 1: 3}, 'one number a class.*{0: 5, 1: 3}'), ([1, None], r'one number a class.*\[1, None\]'),
    (['a', 'b'], 'one number a class'), ([1, float('inf')], 'class 1'), ([[1, 2]], r'shape \(C,\)')
])
def test_bad_counts(counts, words):
    with pytest.raises(ValueError, match=words):
        as_counts(counts)


def test_empty_classes_of_a_checkpoint():
    class Lenient(ClassCounts):
        allow_empty = True

    state = Lenient([3, 0]).state_dict()
    part = Lenient()
    part.load_state_dict(state)
    assert part.class_counts.tolist() == [3, 0]
    with pytest.raises(ValueError, match='class 1 has the training count 0'):
        ClassCounts().load_state_dict(state)


@pytest.mark.parametrize('content', ['[' * 10**5, '{"class_counts"', 'null', '"x"', '[[1], [2, 3]]', '{}', '[null]'])
def test_json_that_is_no_list_of_counts(tmp_path, content):
    (tmp_path / 'x.json').write_text(content)
    with pytest.raises(ValueError, match=r'class counts|class_counts'):
        as_counts(tmp_path / 'x.json')

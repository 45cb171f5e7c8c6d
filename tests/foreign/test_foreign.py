"""The configs of the frameworks and timm's models: every attempt works or is refused by name."""
import pytest
from foreign.compatibility import FRAMEWORKS, LOSS, Skip, attempt, cases

# of each framework every k-th case, about 20 in all; the others are marked long
STRIDE = {'mmpretrain': 12, 'mmdet': 20, 'mmseg': 12, 'timm': 20}


def sample():
    for framework in FRAMEWORKS:
        for i, case in enumerate(cases(framework)):
            marks = [] if i % STRIDE[framework] == 0 else [pytest.mark.long]
            yield pytest.param(framework, case, marks=marks, id=f'{framework}-{case}')


@pytest.mark.parametrize('framework, case', sample())
def test_works_or_is_refused(framework, case):
    try:
        outcomes = attempt(framework, case)
    except Skip as reason:
        pytest.skip(f'{framework} does not build it here: {str(reason)[:80]}')
    assert outcomes['swap'].split(':')[0] in ('works', 'refused', 'no such layer')
    assert outcomes.get('load', 'works') == 'works'
    assert framework not in LOSS or outcomes['loss'].split(':')[0] in ('works', 'refused', 'no such loss')

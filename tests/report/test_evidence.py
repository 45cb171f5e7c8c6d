"""The table of our numbers beside the published ones."""
import importlib.util
import json
from pathlib import Path

import pytest

from mmlt.report.evidence import evidence

spec = importlib.util.spec_from_file_location('results', Path(__file__).parents[2] / 'benchmarks/results.py')
PAPER = dict(source='A paper', split='theirs', data='cifar100_lt', imbalance=100, top1=dict(ce=40., drs=41., las=30.))


def run(method='ce', top1=None, seed=0, **more):
    return {**dict(method=method, seed=seed, status='done', metrics={'lt/top1': top1}, commit='a' * 40,
                   precision='bfloat16'), **more}


def table(*runs, **more):
    return evidence([dict(title='T', data='cifar100_lt', imbalance=100, split='ours', schedule='200 epochs',
                          augmentation='crop and flip', runs=list(runs), **more)], [PAPER])


def test_rows_and_bold_differences():
    text = table(run(top1=40.5), run('drs', 42.0), run('drs', 44.0, seed=1), run('own', 50.), causes=dict(drs='a seed'))
    assert '| ce | 40.50 | 0 | 40.00 | +0.50 | A paper; theirs |' in text
    assert '| drs | 43.00 ± 1.41 | 0, 1 | 41.00 | **+2.00** | A paper; theirs |' in text
    assert '| own | **50.00** | – | – | – | – | – |' in text  # by group only
    assert 'ours; 200 epochs; crop and flip; bfloat16; commit aaaaaaaaaa.' in text
    assert '`drs`: a seed.' in text and 'Mixed' not in text and '`ce`' not in text


def test_a_difference_without_a_cause_says_so():
    assert '`ce`: cause unknown.' in table(run(top1=38.9))
    assert 'cause unknown' not in table(run(top1=39.))


def test_data_that_nobody_published_have_groups():
    runs = [run('ce', 40., metrics={'lt/top1': 40., 'lt/few': 1.}), run('bcl', status='failed', reason='NaN'),
            *(run('drs', seed=s, metrics={'lt/top1': 42. + 2 * s, 'lt/few': 9.}) for s in range(2))]
    text = evidence([dict(title='T', data='own', imbalance=50, split='ours', schedule='45 epochs', augmentation='crop',
                          runs=runs)], [PAPER])
    assert '| ce | 40.00 | – | – | – | 1.00 | – |' in text and 'published' not in text
    assert '| drs | **43.00 ± 1.41** | – | – | – | **9.00 ± 0.00** | – |' in text
    assert '`bcl`, seed 0: failed, NaN.' in text


def test_failed_runs_are_failed_and_not_low_numbers():
    text = table(run(top1=40.), run('drs', status='failed', reason='NaN loss at step 7'),
                 run('las', status='unfinished', reason='it may go on'))
    assert '| drs | failed | – | 41.00 | – | A paper; theirs |' in text
    assert '`drs`, seed 0: failed, NaN loss at step 7.' in text
    assert '| las | unfinished | – | 30.00 | – | A paper; theirs |' in text


def test_mixed_commits_and_precisions_are_said():
    text = table(run(top1=40.), run('drs', 41., precision='float32', commit='b' * 40))
    assert 'Mixed precisions (bfloat16: ce; float32: drs).' in text
    assert 'Mixed commits (aaaaaaaaaa: ce; bbbbbbbbbb: drs).' in text
    dirty = table(run(top1=40.), run('drs', 41., commit='a' * 12 + '-dirty'))
    assert 'Mixed commits (aaaaaaaaaa-dirty: drs; aaaaaaaaaa: ce).' in dirty


def test_a_file_without_its_facts_is_refused():
    with pytest.raises(ValueError, match="'T' lack runs, split"):
        evidence([dict(title='T', data='d', imbalance=1, schedule='', augmentation='')], [])


def test_from_a_sweep_to_the_docs(tmp_path):
    pytest.importorskip('mmengine')
    results = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(results)
    for method, log, result in (('ce', '', dict(amp=True, metrics={'lt/top1': 41.23456, 'lt/ece': 3})),
                                ('drs', 'Traceback\nFloatingPointError: loss is NaN at step 70', None),
                                ('las', 'epoch 3', None)):
        folder = tmp_path / f'out/{method}{"_cifar100_lt" if method == "ce" else ""}/seed_0'
        folder.mkdir(parents=True)
        (folder / 'log.txt').write_text(log)
        if result:
            (folder / 'result.json').write_text(json.dumps(result))
    (tmp_path / 'out/ce_cifar100_lt/seed_0.old1').mkdir()
    (tmp_path / 'out/ce_cifar100_lt/seed_0/refit').mkdir()
    (tmp_path / 'out/ce_cifar100_lt/seed_0/refit/results.json').write_text(
        json.dumps(dict(joint=dict(top1=41.2), maxnorm=dict(top1=43.51, tau=.5, few=20.))))
    file, docs = tmp_path / 'kept/set.json', tmp_path / 'docs.md'
    facts = [word for key in ('title', 'split', 'schedule', 'augmentation') for word in (f'--{key}', f'the {key}')]
    results.main(['collect', str(tmp_path / 'out'), str(file), '--data', 'cifar100_lt', '--commit', 'abc', *facts])
    results.main(['collect', str(tmp_path / 'out'), str(file), '--commit', 'abc'])
    assert [r['status'] for r in json.loads(file.read_text())['runs']] == ['done', 'done', 'failed', 'unfinished']
    docs.write_text(f'# Results\n{results.BEGIN}\nold\n{results.END}\nmore\n')
    results.main(['table', '--docs', str(docs), '--kept', str(tmp_path / 'kept')])
    text = docs.read_text()
    assert 'old' not in text and text.startswith('# Results\n') and text.endswith(f'{results.END}\nmore\n')
    assert '| ce | 41.23 | 0 |' in text and '| ce + maxnorm | **43.51** | – | – | – | 20.00 | – |' in text
    assert 'drs`, seed 0: failed, FloatingPointError: loss is NaN at step 70.' in text
    docs.write_text('# Results')
    with pytest.raises(SystemExit, match='no place for the tables'):
        results.main(['table', '--docs', str(docs), '--kept', str(tmp_path / 'kept')])

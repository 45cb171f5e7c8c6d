"""tools/refit.py from end to end on a training run of seconds."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from toolbox import tool

from mmlt.core.refit import METHODS, tuning_rounds

refit = tool('refit').main


@pytest.fixture(scope='module')
def stage1(tmp_path_factory):
    """Config and checkpoint of a joint run, with a validation split of its own."""
    work_dir = tmp_path_factory.mktemp('stage1')
    tiny.train(work_dir, epochs=2)
    cfg = tiny.config(work_dir)
    cfg.val_dataloader.dataset.counts = (12, 4, 4)
    cfg.dump(work_dir / 'config.py')
    return [str(work_dir / 'config.py'), str(work_dir / 'epoch_2.pth')]


@pytest.fixture(scope='module')
def everything(stage1, tmp_path_factory):
    out = tmp_path_factory.mktemp('refit')
    return out, refit([*stage1, '--val', 'val', '--out', str(out), '--bound', 'val', '--seed', '1'])


@pytest.mark.parametrize('name', ['joint', *METHODS, 'bound'])
def test_test_py_gives_the_same_numbers(name, everything, monkeypatch):
    out, results = everything
    tested = out / name / 'tested.json'
    monkeypatch.setattr(sys, 'argv', ['test.py', str(out / name / 'config.py'), str(out / name / 'checkpoint.pth'),
                                      '--out', str(tested), '--cfg-options', f'experiment_name={name}'])
    tool('test').main()
    tested = json.loads(tested.read_text())
    assert {'top1', 'mean_class', 'many', 'few', 'ece'} <= results[name].keys()
    for key in ('top1', 'mean_class', 'many', 'medium', 'few', 'worst_class'):
        assert tested[f'lt/{key}'] == results[name][key]
    assert tested['lt/ece'] == pytest.approx(results[name]['ece'], abs=1e-4)


def test_joint_comes_first_and_the_settings_are_kept(everything):
    out, results = everything
    assert list(results) == ['joint', *METHODS, 'bound']
    assert results['tau_norm']['tau'] in [s['tau'] for s in METHODS['tau_norm'].grid]
    assert json.loads((out / 'results.json').read_text()) == results


def test_predictions_name_the_classes(everything):
    out, _ = everything
    names = torch.load(out.joinpath('joint/checkpoint.pth'), weights_only=False)['meta']['dataset_meta']['classes']
    for name in ('joint', 'crt'):
        assert np.load(out / name / 'predictions.npz')['classes'].tolist() == list(names)


def test_the_second_run_reads_the_features(everything, stage1, monkeypatch):
    out, results = everything
    monkeypatch.setattr('mmlt.engine.features._batches', lambda *args: pytest.fail('features were computed again')
                        if args[-1] < len(args[2]) else [])
    again = refit([*stage1, '--val', 'val', '--out', str(out), '--methods', 'tau_norm', 'joint', '--seed', '1'])
    assert again == {name: results[name] for name in ('joint', 'tau_norm')}


def test_two_processes_extract_the_same_features(everything, stage1, tmp_path):
    out, results = everything
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2',
               str(Path(__file__).with_name('refit_ranks.py')), *stage1, '--val', 'val', '--out', str(tmp_path),
               '--bound', 'val', '--seed', '1', '--methods', 'tau_norm']
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    assert json.loads((tmp_path / 'results.json').read_text())['tau_norm'] == results['tau_norm']
    files = {file.name: np.load(file) for file in (tmp_path / 'features').glob('*.npy')}
    alone = {file.name: np.load(file) for file in (out / 'features').glob('*.npy')}
    assert len(files) == 4 and files.keys() == alone.keys()
    assert all(np.array_equal(files[name], alone[name]) for name in files)


def test_folds_and_printed_table(stage1, tmp_path, capsys):
    refit([*stage1, '--methods', 'crt', 'logit_adjust', '--folds', '2', '--epochs', '2', '--out', str(tmp_path)])
    printed = capsys.readouterr().out
    for word in ('settings chosen on 2 folds', 'overall', 'mean-class', 'many', 'medium', 'few', 'ECE', 'tau='):
        assert word in printed
    assert printed.index('joint') < printed.index('crt') < printed.index('logit_adjust')


def test_a_val_split_of_the_config_is_taken_by_default(stage1, tmp_path, capsys):
    args = [*stage1, '--methods', 'tau_norm', '--out', str(tmp_path), '--epochs', '1']
    assert refit(args) == refit([*args, '--val', 'val'])
    assert 'settings chosen on val' in capsys.readouterr().out
    for val in ('.dataset.counts=(5,5,5)', '.dataset.counts=[5,5,5]', '=None'):  # the test set, in other words, none
        refit([*args, '--cfg-options', f'val_dataloader{val}'])
        assert 'settings chosen on 5 folds' in capsys.readouterr().out
    refit([*stage1, '--methods', 'crt', '--out', str(tmp_path), '--epochs', '1'])
    assert 'settings chosen' not in capsys.readouterr().out


def test_folds_of_memorised_images_warn(stage1, tmp_path, capsys, monkeypatch):
    module = tool('refit')
    args = [*stage1, '--out', str(tmp_path), '--epochs', '1', '--methods', 'crt']
    module.main([*args, 'tau_norm', '--folds', '2'])
    assert 'know them by heart' not in capsys.readouterr().out
    monkeypatch.setattr(module, 'evaluate', lambda *args, **kwargs: dict(top1=99.8, mean_class=99.8))
    module.main([*args, 'tau_norm', '--folds', '2'])
    assert 'right on 99.8 % of the training images' in capsys.readouterr().out
    module.main([*args, 'tau_norm'])  # on the val split
    assert 'know them by heart' not in capsys.readouterr().out


def test_reliability_diagrams(stage1, tmp_path):
    refit([*stage1, '--methods', 'crt', '--out', str(tmp_path), '--reliability', '--epochs', '1'])
    for name in ('joint', 'crt'):
        assert (tmp_path / name / 'reliability.png').read_bytes()[:4] == b'\x89PNG'


def test_bound_from_an_npz(stage1, tmp_path, capsys):
    rng = np.random.default_rng(0)
    arrays = dict(train_images=rng.integers(0, 255, (30, 8, 8, 3), np.uint8), train_labels=np.arange(30) % 3)
    np.savez(tmp_path / 'balanced.npz', **arrays)
    args = [*stage1, '--methods', 'joint', '--out', str(tmp_path)]
    assert list(refit([*args, '--bound', str(tmp_path / 'balanced.npz')])) == ['joint', 'bound']
    assert 'not balanced' not in capsys.readouterr().out
    refit([*args, '--bound', 'train'])
    assert 'not balanced: 5 to 40 images a class' in capsys.readouterr().out


# --- the test set decides nothing

def test_tuning_on_test_needs_the_flag(stage1, tmp_path, capsys):
    args = [*stage1, '--methods', 'tau_norm', '--out', str(tmp_path)]
    with pytest.raises(SystemExit, match=r'holds the test images.*--tune-on-test'):
        refit([*args, '--val', 'test'])
    refit([*args, '--tune-on-test'])
    printed = capsys.readouterr().out
    assert 'no fair result' in printed and 'settings chosen on the test set' in printed


def test_sweep_without_a_split(stage1, tmp_path):
    args = [*stage1, '--folds', '0', '--out', str(tmp_path)]
    with pytest.raises(SystemExit, match='ncm, logit_adjust: no split to choose settings on; pass --val'):
        refit([*args, '--methods', 'crt', 'logit_adjust', 'ncm'])
    assert list(refit([*args, '--methods', 'crt'])) == ['joint', 'crt']


# --- bad input

def changed(checkpoint, tmp_path, change):
    saved = torch.load(checkpoint, weights_only=False)
    change(saved['state_dict'])
    torch.save(saved, tmp_path / 'changed.pth')
    return str(tmp_path / 'changed.pth')


def test_checkpoint_without_a_classifier(stage1, tmp_path):
    bad = changed(stage1[1], tmp_path, lambda state: state.pop('head.fc.weight'))
    with pytest.raises(SystemExit, match='the checkpoint has no classifier at head'):
        refit([stage1[0], bad])


def test_checkpoint_that_diverged(stage1, tmp_path):
    bad = changed(stage1[1], tmp_path, lambda state: state['backbone.layer3.0.conv2.weight'].fill_(float('nan')))
    with pytest.raises(SystemExit, match=r'holds NaN or infinite weights: backbone\.layer3\.0\.conv2\.weight'):
        refit([stage1[0], bad, '--out', str(tmp_path)])


def test_unnormalised_images(stage1, tmp_path):
    def amplify(state):
        state['backbone.layer3.0.bn2.weight'].mul_(1e7)
    with pytest.raises(SystemExit, match='beyond 10000: were the images normalised'):
        refit([stage1[0], changed(stage1[1], tmp_path, amplify), '--out', str(tmp_path)])


def test_wrong_number_of_classes(stage1, tmp_path):
    with pytest.raises(SystemExit, match=r'head.fc has 3 classes in the checkpoint and 5 in the config'):
        refit([*stage1, '--cfg-options', 'model.head.num_classes=5'])
    with pytest.raises(SystemExit, match=r'test: labels span \[0, 3\], the classifier has 3 classes'):
        refit([*stage1, '--out', str(tmp_path), '--cfg-options', 'test_dataloader.dataset.counts=[5,5,5,5]'])


def test_unknown_data_set(stage1, tmp_path):
    with pytest.raises(SystemExit, match="no data set 'valid'; give one of"):
        refit([*stage1, '--out', str(tmp_path), '--val', 'valid'])


def test_counts_below_one(stage1, capsys):
    for option in ('--epochs', '--batch-size'):
        with pytest.raises(SystemExit):
            refit([*stage1, option, '0'])
        assert f'{option} 0: must be at least 1' in capsys.readouterr().err


def test_truncated_checkpoint(stage1, tmp_path):
    (tmp_path / 'cut.pth').write_bytes(Path(stage1[1]).read_bytes()[:5000])
    with pytest.raises(SystemExit, match=r'error: .*cut.pth is no checkpoint, or a truncated one'):
        refit([stage1[0], str(tmp_path / 'cut.pth')])


@pytest.fixture(scope='module')
def grouped(tmp_path_factory):
    """A joint run on a folder whose lists tools/split.py wrote, and the groups."""
    import cv2
    root = tmp_path_factory.mktemp('grouped')
    rng = np.random.RandomState(0)
    for c, (name, tracks) in enumerate((('ant', 12), ('bee', 6), ('cat', 4))):
        (root / 'images' / name).mkdir(parents=True)
        for i in range(3 * tracks):
            image = rng.randint(0, 120, (8, 8, 3)).astype(np.uint8)
            image[2 * c:2 * c + 3] += 130
            cv2.imwrite(str(root / 'images' / name / f'{i // 3:02d}_{i % 3}.png'), image)
    tool('holdout').main([str(root / 'images'), '--out', str(root / 'lists'), '--val', '0.25', '--group-regex',
                        r'([^/]+/\d+)_'])
    load = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    images, lists = str(root / 'images'), root / 'lists'
    data = {name: dict(type='CustomDataset', data_root=images, ann_file=str(lists / f'{name}.txt'),
                       classes=str(lists / 'classes.txt'), pipeline=load, _delete_=True) for name in ('train', 'val')}
    cfg = tiny.config(root / 'run', 1, train_dataloader__dataset=data['train'])
    cfg.merge_from_dict({f'{name}_dataloader.dataset': dict(data['val'], _delete_=True) for name in ('val', 'test')})
    cfg.dump(root / 'config.py')
    cfg.experiment_name = 'grouped'
    tiny.Runner.from_cfg(cfg).train()
    return root, [str(root / 'config.py'), str(root / 'run/epoch_1.pth')]


def test_folds_keep_groups_together(grouped, monkeypatch, capsys):
    root, run = grouped
    module, rounds = tool('refit'), []
    monkeypatch.setattr(module, 'tuning_rounds', lambda *args: rounds.append(tuning_rounds(*args)) or rounds[-1])
    module.main([*run, '--methods', 'tau_norm', '--folds', '3', '--epochs', '1', '--out', str(root / 'refit')])
    assert 'groups, from' in capsys.readouterr().out
    tracks = [line.split()[0][:-6] for line in (root / 'lists/train.txt').read_text().splitlines()]
    assert len(rounds[0]) == 3
    for rest, held_out, _ in rounds[0]:
        assert not {tracks[i] for i in rest.rows} & {tracks[i] for i in held_out.rows}
    (root / 'lists/groups.csv').rename(root / 'mine.csv')
    again = module.main([*run, '--methods', 'tau_norm', '--folds', '3', '--epochs', '1', '--out', str(root / 'refit'),
                         '--groups', str(root / 'mine.csv')])
    for (a, *_), (b, *_) in zip(*rounds, strict=True):
        assert torch.equal(a.rows, b.rows)
    assert again


def first_stage(folder, **settings):
    tiny.train(folder, 1, **settings)
    cfg = tiny.config(folder, 1, **settings)
    cfg.val_dataloader.dataset.counts = (12, 4, 4)
    cfg.dump(folder / 'config.py')
    return [str(folder / 'config.py'), str(folder / 'epoch_1.pth'), '--val', 'val', '--epochs', '1']


@pytest.mark.parametrize('settings', [
    dict(model__head__loss=dict(type='BalancedSoftmaxLoss')),
    dict(stages=[dict(begin=0.4, loss=dict(type='BalancedSoftmaxLoss'))])])
def test_the_prior_is_not_subtracted_twice(tmp_path, capsys, settings):
    run = first_stage(tmp_path, **settings)
    with pytest.raises(SystemExit, match=r'not fitted: logit_adjust; .*BalancedSoftmaxLoss.* subtracted twice'):
        refit([*run, '--methods', 'logit_adjust'])
    results = refit(run)
    assert list(results) == ['joint', *(name for name in METHODS if name != 'logit_adjust')]
    assert 'subtracted twice' in ' '.join(capsys.readouterr().out.split())


def test_a_cosine_first_stage(tmp_path, capsys, monkeypatch):
    run = first_stage(tmp_path, model__head__type='CosineClsHead')
    with pytest.raises(SystemExit, match=r'not fitted: tau_norm; .*has a CosineLinear; crt and ncm remain'):
        refit([*run, '--methods', 'crt', 'tau_norm'])
    results = refit([*run, '--out', str(tmp_path / 'out')])
    assert list(results) == ['joint', 'crt', 'ncm']
    for name in results:
        tested = tmp_path / 'out' / name / 'tested.json'
        monkeypatch.setattr(sys, 'argv', ['test.py', *(str(tested.parent / n) for n in ('config.py', 'checkpoint.pth')),
                                          '--out', str(tested), '--cfg-options', f'experiment_name=cosine_{name}'])
        tool('test').main()
        tested = json.loads(tested.read_text())
        for key in ('top1', 'mean_class', 'worst_class'):
            assert tested[f'lt/{key}'] == results[name][key]

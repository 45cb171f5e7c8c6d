"""The report's numbers and what it reads; how it looks is tested in test_page_in_browser.py."""
import csv
import json

import numpy as np
import pytest

pytest.importorskip('jinja2')
from mmlt.report.page import write_report
from mmlt.report.page.build import baseline_of
from mmlt.report.page.charts import confusions, curves, destinations, schedule, smooth
from mmlt.report.page.compare import differences, groups_of, replicates, step, tail_of
from mmlt.report.page.pictures import LARGEST, data_url, tail_errors
from mmlt.report.page.predictions import Predictions, read_predictions, top_of
from mmlt.report.page.runs import Method, Run, group, read_runs
from mmlt.report.page.schedule import shares_of, stages_of
from mmlt.report.page.tables import answer_table, latex, markdown


def predictions(label, pred, counts=None, **kwargs):
    return Predictions(np.array(label), np.array(pred)[:, None], counts=counts and np.array(counts), **kwargs)


def method(name, *preds):
    return Method(name, [Run(f'{name}{i}', predictions=p) for i, p in enumerate(preds)])


def test_scores_become_probabilities_and_top_classes():
    logits = np.array([[0., 2, 1], [5, 5, 0]])
    top, score = top_of(logits, 2)
    assert top.tolist() == [[1, 2], [0, 1]]
    assert score[0, 0] == pytest.approx(np.exp(2) / np.exp(logits[0]).sum())
    assert top_of(np.array([[.2, .8]]))[1].tolist() == [[.8, .2]]
    with pytest.raises(ValueError, match='finite'):
        top_of(np.array([[np.nan, 1]]))


def test_npz_and_csv_give_the_same_predictions(tmp_path):
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(4), 30)
    label = rng.integers(0, 4, 30)
    names = ['cat', 'dog', 'a, "b"', 'newt']
    np.savez(tmp_path / 'a.npz', label=label, scores=scores, classes=names, class_counts=[9, 5, 3, 1])
    with open(tmp_path / 'a.csv', 'w', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(['label', *names])
        rows.writerows([names[y], *s] for y, s in zip(label, scores))
    a, b = (read_predictions(tmp_path / f'a.{kind}') for kind in ('npz', 'csv'))
    assert a.classes == b.classes == names and a.counts.tolist() == [9, 5, 3, 1]
    assert (a.label == b.label).all() and (a.top == b.top).all() and np.allclose(a.score, b.score)
    assert a.metrics()['top1'] == pytest.approx(100 * (scores.argmax(1) == label).mean())


@pytest.mark.parametrize('content, message', [
    ('label,score_0\n', 'empty'), ('label\n1\n', 'no column pred'), ('pred\n1\n', 'none of label'),
    ('label,cat,dog\nbird,1,0\n', "'bird' is none of the classes"),
])
def test_bad_csv_is_named(tmp_path, content, message):
    (tmp_path / 'p.csv').write_text(content)
    with pytest.raises(ValueError, match=message):
        read_predictions(tmp_path / 'p.csv')


def test_bad_npz_is_named(tmp_path):
    np.savez(tmp_path / 'p.npz', label=[0, 1], scores=np.ones((3, 2)) / 2)
    with pytest.raises(ValueError, match='labels of shape'):
        read_predictions(tmp_path / 'p.npz')
    np.savez(tmp_path / 'p.npz', label=[0, 1], pred=[0, 5], class_counts=[3, 2])
    with pytest.raises(ValueError, match='counts of 2 classes and predictions of 6'):
        read_predictions(tmp_path / 'p.npz')
    with pytest.raises(ValueError, match='no run'):
        read_runs([tmp_path])


def test_bootstrap_equals_a_naive_loop():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 40)
    hits = rng.random((2, 40)) < .6
    groups = {'few': np.array([False, False, True])}
    got = replicates(hits, labels, 3, groups, draws=50, seed=5)
    rng = np.random.default_rng(5)
    for b in range(50):
        rows = rng.integers(0, 40, 40)
        for m in range(2):
            means = [np.mean([hits[m, i] for i in rows if labels[i] == c]) for c in range(3)]
            assert got['mean_class'][m, b] == pytest.approx(100 * np.mean(means))
            assert got['few'][m, b] == pytest.approx(100 * means[2])
            assert got['top1'][m, b] == pytest.approx(100 * hits[m, rows].mean())


def test_noise_and_a_real_difference_are_told_apart():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], 200)
    wrong = lambda share: np.where(rng.random(400) < share, 1 - label, label)  # noqa: E731
    good, alike, bad = (method(n, predictions(label, wrong(s))) for n, s in (('a', .2), ('b', .21), ('c', .5)))
    gaps = differences([good, alike, bad], {}, 2)['mean_class']
    best = max((good, alike), key=lambda m: m.metric('mean_class'))
    other = alike if best is good else good
    assert gaps[other.name][1] < 0 < gaps[other.name][2]
    assert gaps['c'][1] > 10
    assert best.name not in gaps


def test_methods_of_other_test_sets_are_not_compared():
    a, b = method('a', predictions([0, 1, 1], [0, 1, 0])), method('b', predictions([1, 1, 0], [1, 1, 0]))
    assert differences([a, b], {}, 2) == {}


def test_step_is_that_of_one_image():
    p = predictions([0] * 50 + [1] * 22, [0] * 72, counts=[500, 5])
    assert step(p, groups_of(p)['few']) == pytest.approx(100 / 22)
    assert tail_of(p)[0] == 'few-shot'
    few = predictions([0] * 50 + [1] * 11 + [2] * 22, [0] * 83, counts=[500, 5, 6])
    assert step(few, groups_of(few)['few']) == pytest.approx(100 / 22)


def test_tail_without_few_shot_classes_is_the_smallest_third():
    p = predictions([0, 1, 2], [0, 1, 2], counts=[900, 700, 500])
    assert tail_of(p)[0] == 'smallest third' and tail_of(p)[1].tolist() == [False, False, True]


def test_who_takes_the_tail():
    p = predictions([2, 2, 2, 2, 1, 0], [0, 0, 1, 2, 2, 2], counts=[500, 50, 5])
    m = method('m', p)
    assert confusions(m) == [(2, 0, 2), (2, 1, 1)]
    assert destinations(m) == {'right': 25., 'many': 50., 'medium': 25., 'few': 0.}


def test_smooth_is_a_kernel_mean_and_skips_classes_without_images():
    counts, values = np.array([1., 10, 100]), np.array([20., np.nan, 80])
    assert smooth(counts, values, np.array([1., 10, 100])) == pytest.approx([20, 50, 80], abs=.1)


def test_errors_come_from_each_class_in_turn_the_surest_first():
    p = Predictions(np.array([1, 1, 1, 2, 2]), np.array([[0], [0], [1], [0], [0]]),
                    np.array([[.5], [.9], [.9], [.6], [.7]]), np.array([500, 5, 5]))
    assert tail_errors(p, 4) == [1, 4, 3, 0]


def test_thumbnails_are_small():
    image = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    assert len(data_url(image)) < LARGEST


def test_seeds_of_one_recipe_stand_together(tmp_path):
    for name, lr, seed in (('ce_0', .1, 0), ('ce_1', .1, 1), ('other_0', .2, 0)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / 'c.py').write_text(f'lr = {lr}\nwork_dir = "{name}"\nrandomness = dict(seed={seed})\n')
        np.savez(folder / 'predictions.npz', label=[0, 1], pred=[0, seed])
    methods = group(read_runs([tmp_path]))
    assert {m.name: len(m.runs) for m in methods} == {'ce': 2, 'other_0': 1}
    columns, rows = answer_table(methods, {})
    text = markdown(columns, rows)
    assert '| ce | **75.0 ± 35.4** |' in text and '| ce | 75.0 ± 35.4 |' in markdown(*answer_table(methods[:1], {}))
    assert r'$\pm$' in latex(columns, rows) and r'other\_0' in latex(columns, rows)


@pytest.mark.parametrize('other', ['digits', 'cifar'])
def test_the_data_set_is_left_out_of_names_where_it_is_the_same(tmp_path, other):
    for i, (name, data) in enumerate((('ce_digits', 'digits'), ('cam_bs_digits', 'digits'), (f'drs_{other}', other))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / 'c.py').write_text(f'lr = {i}\ndata_name = "{data}"\n')
        np.savez(folder / 'predictions.npz', label=[0, 1], pred=[0, 0])
    names = {m.name for m in group(read_runs([tmp_path]))}
    assert names == ({'ce', 'cam_bs', 'drs'} if other == 'digits' else {'ce_digits', 'cam_bs_digits', 'drs_cifar'})
    page = write_report([tmp_path], tmp_path / 'r.html', baseline='drs_' + other).read_text()  # asked for as the folder
    assert f"against <bdi>drs{'' if other == 'digits' else '_cifar'}</bdi>" in page


def test_a_sweep_and_a_refit_folder_are_found(tmp_path):
    for seed in (0, 1):
        folder = tmp_path / f'sweep/ldam/seed_{seed}'
        (folder / '1/vis_data').mkdir(parents=True)
        lines = [dict(loss=1, time=.5, epoch=1, iter=4, step=4), {'lt/top1': 40 + seed, 'step': 1}]
        (folder / '1/vis_data/scalars.json').write_text('\n'.join(map(json.dumps, lines)) + '\n{"cut')
        (folder / 'ldam.py').write_text(f'randomness = dict(seed={seed})')
    (tmp_path / 'refit').mkdir()
    (tmp_path / 'refit/results.json').write_text(json.dumps({'crt': {'top1': 50.}, 'joint': {'top1': 30.}}))
    methods = {m.name: m for m in group(read_runs([tmp_path / 'sweep', tmp_path / 'refit']))}
    assert methods['ldam'].metric('top1') == [40, 41] and methods['ldam'].metric('seconds') == [2., 2.]
    assert methods['crt'].metric('top1') == [50.]
    page = write_report([tmp_path / 'sweep', tmp_path / 'refit'], tmp_path / 'r.html').read_text()
    assert 'No predictions of crt, ldam' in page


def test_the_default_baseline_is_cross_entropy(tmp_path):
    for name, right in (('a', 2), ('ce_digits', 1), ('zz', 0)):
        np.savez(tmp_path / f'{name}.npz', label=[0, 1, 1], pred=[0, int(right > 0), int(right > 1)])
    runs = [tmp_path / f'{name}.npz' for name in ('zz', 'ce_digits', 'a')]
    page = write_report(runs, tmp_path / 'r.html').read_text()
    assert '<bdi>a</bdi> against <bdi>ce_digits</bdi>' in page
    assert baseline_of([method('x', predictions([0], [0])), method('y', predictions([0], [0]))]).name == 'x'


def test_unfinished_runs_are_no_runs_without_predictions(tmp_path):
    (tmp_path / 'done').mkdir()
    np.savez(tmp_path / 'done/predictions.npz', label=[0, 1], pred=[0, 1])
    (tmp_path / 'on/1/vis_data').mkdir(parents=True)
    (tmp_path / 'on/1/vis_data/scalars.json').write_text(json.dumps(dict(loss=1, time=.5, epoch=1, iter=4, step=4)))
    page = write_report([tmp_path / 'done', tmp_path / 'on'], tmp_path / 'r.html').read_text()
    assert 'No accuracy yet of on.' in page and 'No predictions of' not in page


def test_methods_of_one_plan_share_a_lane_and_a_first_loss_does_not_flatten_the_others():
    logged = [dict(loss=1e4 if e == 1 else 2., epoch=e, iter=1, step=e) for e in range(1, 101)]
    runs = [Run(name) for name in 'abc']
    for run, epochs in zip(runs, (10, 10, 20)):
        run.config, run.scalars = dict(train_cfg=dict(max_epochs=epochs)), logged
    methods = [Method(run.name, [run]) for run in runs]
    assert '>a, b<' in schedule(methods) and '>c<' in schedule(methods)
    assert '10,000' not in curves(methods, 'loss', 'training loss') and '10k' not in curves(methods, 'loss', 'loss')


def test_stages_as_text():
    stages = [dict(begin=.8, sampler=dict(type='ClassBalancedSampler'), cam=dict()), dict(begin=9, freeze=['backbone'])]
    cfg = dict(train_cfg=dict(max_epochs=10), custom_hooks=[dict(type='StageSwitchHook', stages=stages)])
    assert stages_of(cfg) == ([(0, 'plain sampling'), (8, 'ClassBalancedSampler + CAM foregrounds'),
                               (9, 'ClassBalancedSampler + frozen backbone')], 10)
    assert stages_of({}) == ([], 0)


def test_shares_of_the_groups_in_the_draws():
    counts = np.array([90, 9, 1, 0])
    groups = dict(many=np.array([1, 0, 0, 0], bool), few=np.array([0, 1, 1, 1], bool))
    stage = dict(begin=.8, sampler=dict(type='ClassBalancedSampler'))
    cfg = dict(train_cfg=dict(max_epochs=10), custom_hooks=[dict(type='StageSwitchHook', stages=[stage])])
    (a, b, plain), (c, d, balanced) = shares_of(cfg, counts, groups)
    assert (a, b, c, d) == (0, 8, 8, 10)
    assert plain == pytest.approx([.9, .1]) and balanced == pytest.approx([1 / 3, 2 / 3])
    moving = dict(train_cfg=dict(max_epochs=4), train_dataloader=dict(
        sampler=dict(type='ProgressivelyBalancedSampler', max_epochs=4)))
    shares = [share[0] for *_, share in shares_of(moving, counts, groups)]
    assert shares == pytest.approx([(1 - t / 4) * .9 + t / 4 / 3 for t in range(4)])
    learnt = dict(train_cfg=dict(max_epochs=4), train_dataloader=dict(sampler=dict(type='MetaSampler')))
    assert shares_of(learnt, counts, groups) == shares_of({}, counts, groups) == shares_of(cfg, None, groups) == []


def test_results_without_work_dirs_are_read(tmp_path):
    runs = [dict(method='eqlv2', seed=s, status='done', metrics={'lt/top1': 40. + s, 'lt/mean_class': 39. + s})
            for s in (0, 2)]
    runs += [dict(method='ce', seed=0, status='done', metrics={'lt/top1': 38.}), dict(method='ce', seed=1,
             status='failed', reason='NaN')]
    (tmp_path / 'cifar.json').write_text(json.dumps(dict(title='T', runs=runs)))
    (tmp_path / 'results.csv').write_text('config,seeds,of,top1,top1_sd,mean_class,published\n'
                                          'ce_digits,3,3,84.5,1.0,84.25,\nldam_digits,0,3,,,,\n')
    methods = group(read_runs([tmp_path / 'cifar.json', tmp_path / 'results.csv']))
    assert [(m.name, m.metric('top1')) for m in methods] == [
        ('eqlv2', [40., 42.]), ('ce', [38.]), ('ce_digits', [84.5])]  # nothing is done of ldam
    page = write_report([tmp_path / 'cifar.json'], tmp_path / 'r.html').read_text()
    assert 'eqlv2 has the highest' in page and '41.0 ± 1.4' in page and 'NaN' not in page
    (tmp_path / 'other.json').write_text('[1, 2]')
    with pytest.raises(ValueError, match=r'other.json: give \{"runs"'):
        read_runs([tmp_path / 'other.json'])
    (tmp_path / 'none.json').write_text('{"runs": []}')
    with pytest.raises(ValueError, match='none of its runs is done'):
        read_runs([tmp_path / 'none.json'])


def test_unknown_baseline_and_wrong_counts_are_named(tmp_path):
    np.savez(tmp_path / 'p.npz', label=[0, 1], pred=[0, 1])
    with pytest.raises(ValueError, match="no method 'x'; there are p"):
        write_report([tmp_path / 'p.npz'], tmp_path / 'r.html', baseline='x')
    with pytest.raises(ValueError, match='counts of 1 classes'):
        write_report([tmp_path / 'p.npz'], tmp_path / 'r.html', counts=[4])


def test_the_command_prints_the_answer(tmp_path, capsys):
    from mmlt.cli.report import main
    np.savez(tmp_path / 'good.npz', label=[0, 1, 1, 0], pred=[0, 1, 1, 0])
    np.savez(tmp_path / 'poor.npz', label=[0, 1, 1, 0], pred=[0, 1, 1, 1])
    main([str(tmp_path / 'good.npz'), str(tmp_path / 'poor.npz'), '--out', str(tmp_path / 'r.html')])
    printed = capsys.readouterr().out
    assert printed.startswith('good has the highest mean-class accuracy: 100.0 %.\nWithin noise of it')
    assert f'Report: {tmp_path / "r.html"}' in printed


def test_a_finished_training_does_not_fail_for_its_page(tmp_path, capsys):
    from mmlt.cli.report import after_training, main
    after_training(tmp_path)
    assert capsys.readouterr().out == ''
    (tmp_path / 'predictions.npz').write_bytes(b'cut')
    after_training(tmp_path)
    assert 'No report: ' in capsys.readouterr().out
    np.savez(tmp_path / 'predictions.npz', label=[0, 1], pred=[0, 1])
    after_training(tmp_path)
    assert (tmp_path / 'report.html').is_file()
    with pytest.raises(SystemExit, match='error: nothing to report'):
        main([])
    (tmp_path / 'counts.json').write_text('[500, 5]')
    main([str(tmp_path), '--counts', str(tmp_path / 'counts.json'), '--out', str(tmp_path / 'p.html')])
    assert 'training images of the class' in (tmp_path / 'p.html').read_text()

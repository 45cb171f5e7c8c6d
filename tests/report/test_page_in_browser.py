"""The page in headless Chromium: each section's content, hostile names, thousands of classes, phone and dark."""
import json
import shutil
import time

import numpy as np
import pytest
import torch
from browser import open_browser, set_screen

pytest.importorskip('jinja2')
pytest.importorskip('mmpretrain')
from mmlt.report.page import write_report

HOSTILE = ['<script>window.hacked = 1</script>', '"quotes\' & </table>', 'x' * 200, '🦆 duck', 'שלום עולם',
           '</script><b>']
CONFIG = """
data_preprocessor = dict(num_classes=10, mean=[78.0] * 3, std=[82.0] * 3, to_rgb=False)
model = dict(type='ImageClassifier', backbone=dict(type='ResNetCIFAR32', depth=8),
             neck=dict(type='GlobalAveragePooling'),
             head=dict(type='LinearClsHead', num_classes=10, in_channels=64))
val_dataloader = dict(dataset=dict(type='DigitsLT', split='test', pipeline=[dict(type='PackInputs')]))
train_dataloader = dict(sampler=dict(type='DefaultSampler'))
train_cfg = dict(by_epoch=True, max_epochs=4)
default_scope = 'mmpretrain'
randomness = dict(seed={seed})
lr = {lr}
"""
STAGES = "custom_hooks = [dict(type='StageSwitchHook', stages=[dict(begin=2, sampler=dict(type='PowerSampler'))])]\n"


@pytest.fixture(scope='module')
def browser():
    browser = open_browser()
    yield browser
    browser.quit()
    shutil.rmtree(browser.profile, ignore_errors=True)


def fake_run(folder, share, seed, staged):
    """A work dir as training leaves it, with predictions that are wrong more often in the tail."""
    from mmengine.config import Config
    from mmengine.registry import MODELS, init_default_scope
    cfg = CONFIG.format(seed=seed, lr=share) + (STAGES if staged else '')
    data = folder / '20260101_000000/vis_data'
    data.mkdir(parents=True)
    (data / 'config.py').write_text(cfg)
    lines = [dict(loss=1 / e, lr=.1, time=.5, epoch=e, iter=3 * e, step=3 * e) for e in range(1, 5)]
    lines += [{'lt/mean_class': 50., 'lt/few': 10., 'step': 4}]
    (data / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(data / 'config.py')
    model = MODELS.build(cfg.model, default_args=dict(data_preprocessor=cfg.data_preprocessor))
    torch.save(dict(state_dict=model.state_dict()), folder / 'epoch_4.pth')
    label, rng = np.repeat(np.arange(10), 50), np.random.default_rng(seed)
    right = rng.random(500) < 1 - share * label / 9
    score = np.clip(.7 + .1 * rng.standard_normal(500), 0, 1)[:, None]
    np.savez(folder / 'predictions.npz', label=label, top=np.where(right, label, 0)[:, None], score=score,
             class_counts=[124, 80, 51, 33, 21, 14, 9, 5, 3, 2], classes=[*'0123', *HOSTILE], many=100, few=20)
    record = dict(seed=seed, commit='abc123', parameters=78042, machine='a machine', versions=dict(torch='2.11.0'),
                  data=dict(train=dict(images=342, labels_sha256='f' * 64)))
    (folder / 'run.json').write_text(json.dumps(record))


@pytest.fixture(scope='module')
def page(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp('runs')
    for seed in (0, 1):
        fake_run(folder / f'worse/seed_{seed}', .9, seed, False)
        fake_run(folder / f'better/seed_{seed}', .4, seed, True)
    return write_report([folder], folder / 'report.html', baseline='worse', errors=30)


@pytest.fixture
def tab(browser, page):
    set_screen(browser, 1280)
    browser.get(page.as_uri())
    return lambda script: browser.execute_script(f'return {script}')


def text(tab, query):
    return tab(f'document.querySelector({query!r}).textContent')


def test_the_answer_comes_first(tab):
    assert tab('document.querySelector("main section").id') == 'answer'
    assert 'better has the highest mean-class accuracy' in text(tab, '.lead')
    assert 'worse is behind by more than noise' in text(tab, '.lead')
    cells = tab('[...document.querySelectorAll("#runs tbody tr:first-child td")].map(td => td.textContent)')
    assert tab('document.querySelector("#runs tbody th").textContent').startswith('better')
    assert '±' in cells[0] and any('0.1' in cell or '78,042' in cell for cell in cells[-2:])
    assert tab('document.querySelectorAll("#runs td.best").length') >= 5
    assert '5 classes, 250 test images' in text(tab, '#runs thead')
    assert 'few by up to 0.4' in text(tab, '#answer .note')
    assert 'beyond noise' in text(tab, '#answer details')


def test_tables_sort(tab):
    tab('document.querySelectorAll("#runs thead button")[0].click()')
    assert tab('[...document.querySelectorAll("#runs tbody th bdi")].map(x => x.textContent)') == ['better', 'worse']
    tab('document.querySelectorAll("#runs thead button")[1].click()')
    tab('document.querySelectorAll("#runs thead button")[1].click()')
    assert tab('[...document.querySelectorAll("#runs tbody th bdi")].map(x => x.textContent)') == ['worse', 'better']
    tab('document.querySelectorAll("#class-table thead button")[1].click()')
    assert tab('document.querySelector("#class-table tbody td").textContent') == '124'


def test_classes_are_drawn_searched_and_compared(tab):
    assert tab('document.querySelectorAll("#classes svg[role=img] .dots").length') == 3  # two methods, then the gain
    assert tab('document.querySelectorAll("#class-table tbody tr").length') == 10
    tab('(search => { search.value = "DUCK"; search.oninput(); })(document.querySelector("#search"))')
    assert tab('[...document.querySelectorAll("#class-table tbody th")].map(x => x.textContent)') == ['🦆 duck']
    assert text(tab, '#found') == '1 of 10 classes'
    assert '▲' in tab('getComputedStyle(document.querySelector(".moves .up"), "::before").content')
    assert 'classes gained' in text(tab, '#classes')


def test_dots_speak_to_the_keyboard_and_the_pointer(tab):
    tab('(svg => { svg.focus(); svg.dispatchEvent(new KeyboardEvent("keydown", {key: "End"})); })'
        '(document.querySelector("svg[data-kind=classes]"))')
    assert text(tab, '#readout').startswith('0; 124 training, 50 test images; better: ')
    tab('(svg => { const box = svg.getBoundingClientRect(), dot = /M(\\S+) (\\S+?)h0$/.exec('
        'svg.querySelector(".dots").getAttribute("d")), k = box.width / svg.viewBox.baseVal.width; svg.dispatchEvent('
        'new PointerEvent("pointermove", {clientX: box.left + dot[1] * k, clientY: box.top + dot[2] * k})); })'
        '(document.querySelector("svg[data-kind=classes]"))')
    assert '2 training, 50 test images' in text(tab, '#tip') and not tab('document.querySelector("#tip").hidden')


def test_confusions_reliability_weights_training(tab):
    assert 'few-shot classes' in text(tab, '#confusions')
    assert tab('document.querySelectorAll("#confusions .flow").length') >= 6
    assert tab('document.querySelectorAll("#confusions .bar").length') == 2
    assert tab('[...document.querySelectorAll("#reliability figcaption")].map(x => x.textContent)') == \
        ['all', 'many', 'medium', 'few']
    assert tab('document.querySelectorAll("#weights svg[role=img]").length') == 2
    assert tab('document.querySelectorAll("#training figure").length') == 5
    assert 'PowerSampler from epoch 2' in text(tab, '#training .switch title')
    assert 'plain sampling' in text(tab, '#training figure:last-child')
    lanes = tab('[...document.querySelectorAll("#training figure:last-child text")].map(t => t.firstChild.textContent)')
    assert {'better', 'worse'} <= set(lanes)  # their plans differ


def test_errors_show_small_lazy_pictures_with_cams(tab):
    assert tab('document.querySelectorAll(".gallery li").length') == 30
    sizes = tab('[...document.querySelectorAll(".gallery img")].map(x => x.src.length * .75)')
    assert len(sizes) == 60 and max(sizes) <= 64 * 1024
    assert tab('[...document.querySelectorAll(".gallery img")].every(x => x.loading === "lazy" && x.alt)')
    tab('document.querySelector(".gallery img").scrollIntoView()')
    time.sleep(.3)
    assert tab('document.querySelector(".gallery img").naturalWidth') == 32
    assert '% sure' in text(tab, '.gallery')


def test_how_it_was_made(tab):
    made = text(tab, '#made')
    for part in ('0, 1', 'abc123', 'torch 2.11.0', 'a machine', '342 images', 'custom_hooks.0.stages.0.begin'):
        assert part in made
    rows = tab('[...document.querySelectorAll("#made .facts tbody tr")].map(row => row.innerText)')
    assert sum('abc123' in row for row in rows) == 1 and any(row.count('abc123') == 1 for row in rows)
    assert '| better |' in text(tab, '#md') and r'\begin{tabular}' in text(tab, '#tex')


def test_hostile_names_are_text(tab, browser):
    assert tab('window.hacked') is None
    names = tab('[...document.querySelectorAll("#class-table tbody th")].map(x => x.textContent)')
    assert set(HOSTILE) <= set(names)
    assert tab('document.querySelectorAll("script").length') == 2
    assert browser.get_log('browser') == []
    assert tab('document.documentElement.scrollWidth') <= 1280


def test_nothing_is_fetched(page):
    text = page.read_text()
    assert 'http://' not in text.replace('http://www.w3.org/2000/svg', '') and 'https://' not in text


@pytest.mark.parametrize('dark', [False, True])
def test_a_phone_has_no_sideways_scroll_and_enough_contrast(browser, page, dark):
    set_screen(browser, 390, 844, dark)
    browser.get(page.as_uri())
    assert browser.execute_script('return document.documentElement.scrollWidth') <= 390
    assert browser.execute_script('return Math.min(...[...document.querySelectorAll("#classes svg text")]'
                                  '.map(t => t.getBoundingClientRect().height))') >= 10
    color = browser.execute_script('return [getComputedStyle(document.body).color, getComputedStyle(document.body)'
                                   '.backgroundColor]')
    light = [sum(map(int, c[4:-1].split(','))) for c in color]
    assert (light[0] > light[1]) == dark and abs(light[0] - light[1]) > 500
    browser.execute_script('document.querySelector("#theme").click()')
    after = browser.execute_script('return getComputedStyle(document.body).color')
    assert after != color[0]


def test_everything_is_readable_without_scripts(browser, page, tmp_path):
    plain = tmp_path / 'plain.html'
    plain.write_text(page.read_text().replace("script-src 'unsafe-inline'", "script-src 'none'"))
    set_screen(browser, 1280)
    browser.get(plain.as_uri())
    body = browser.execute_script('return document.body.innerText')
    for part in ('The answer', 'Gained most', 'Reliability', 'Sampling schedule', 'taken for', 'abc123', 'tabular'):
        assert part in body
    assert browser.execute_script('return document.querySelectorAll("#class-table tbody tr").length') == 10
    browser.get_log('browser')  # the refusals that were asked for


@pytest.mark.parametrize('num_classes, per_class', [(1000, 50), (8142, 3)])
def test_thousands_of_classes_open_fast_and_stay_small(browser, tmp_path, num_classes, per_class):
    rng = np.random.default_rng(0)
    counts = np.geomspace(1280, 2, num_classes).astype(int)
    label = np.repeat(np.arange(num_classes), per_class)
    for k, p in enumerate((.5, .6)):
        pred = np.where(rng.random(len(label)) < p, label, rng.integers(0, num_classes, len(label)))
        np.savez(tmp_path / f'm{k}.npz', label=label, pred=pred, confidence=rng.random(len(label)),
                 class_counts=counts, classes=[f'species number {c}' for c in range(num_classes)])
    page = write_report([tmp_path / 'm0.npz', tmp_path / 'm1.npz'], tmp_path / 'r.html')
    assert page.stat().st_size < 5e6
    set_screen(browser, 1280)
    browser.get(page.as_uri())
    ended = 'return performance.getEntriesByType("navigation")[0].loadEventEnd'  # 0 until the event is over
    took = next(ms for _ in range(100) if (ms := browser.execute_script(ended)) or time.sleep(.05))
    assert 0 < took < 3000
    browser.execute_script('(s => { s.value = "number 7"; s.oninput(); })(document.querySelector("#search"))')
    expected = sum(str(c).startswith('7') for c in range(num_classes))
    found = browser.execute_script('return document.querySelector("#found").textContent')
    assert found == f'{expected:,} of {num_classes:,} classes'
    assert len(browser.find_elements('css selector', '#confusions .flow')) <= 40


def test_keys_of_configs_and_errors_without_pictures_are_legible_on_a_phone(browser, page, tmp_path):
    set_screen(browser, 390)
    browser.get(f'file://{page}')
    keys = browser.execute_script('return [...document.querySelectorAll(".facts th code")].map(e => e.offsetWidth)')
    assert keys and min(keys) > 0
    cells = browser.execute_script('return [...document.querySelectorAll(".facts th:has(code)")].map('
                                   'e => [e.offsetWidth, e.offsetHeight])')
    assert all(width >= 120 and height < 120 for width, height in cells)
    cells = browser.execute_script('return [...document.querySelectorAll(".facts td")].map(e => e.offsetWidth)')
    assert min(cells[1:]) >= 110  # no column of single letters
    heads = browser.execute_script('return [...document.querySelectorAll("#class-table thead .class")].map('
                                   'e => [e.scrollWidth, e.clientWidth])')
    assert heads and all(needed <= has for needed, has in heads)
    label = np.repeat([0, 1, 2], 20)
    np.savez(tmp_path / 'p.npz', label=label, pred=np.zeros(60, int), class_counts=[500, 50, 5],
             classes=['a', 'a name of some length', 'and another one as long'])
    plain = write_report([tmp_path / 'p.npz'], tmp_path / 'r.html')
    browser.get(f'file://{plain}')
    shown = browser.execute_script('return [...document.querySelectorAll(".gallery li")].map(e => e.offsetWidth)')
    assert shown and min(shown) > 300  # one column where there are no thumbnails
    drawn = browser.execute_script('return document.querySelector("caption div").offsetWidth')
    assert drawn <= 390

"""The diagnosis: the six profiles, planted faults, and recipes that run."""
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip('imagehash')
pytest.importorskip('mmpretrain')
from mmengine.config import Config

from mmlt.cli.names import results
from mmlt.data.longtail import long_tail_counts
from mmlt.engine.overlays import load
from mmlt.report.diagnose import diagnose
from mmlt.report.diagnose.guess import flips_forbidden, groups_of_files
from mmlt.report.diagnose.images import Looked, duplicates, look, odd_sizes
from mmlt.report.diagnose.labels import agreement, class_evidence, neighbours, overlaps, suspects, swallowed
from mmlt.report.diagnose.read import Split, read_data
from mmlt.report.diagnose.recipes import overlay_of, without_flips
from mmlt.report.diagnose.run import numbers
from mmlt.report.rules import RULES, Facts, as_markdown, is_balanced, recommend

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / 'shared'


def folder(path, counts, size=32, names=None, seed=0):
    """Class folders of random pictures with a colour a class."""
    rng = np.random.default_rng(seed)
    for c, n in enumerate(counts):
        target = path / (names[c] if names else f'class_{c:02}')
        target.mkdir(parents=True)
        base = rng.integers(40, 216, 3)
        for i in range(n):
            image = np.clip(base + rng.normal(0, 30, (size, size, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(image).save(target / f'img{i}.png')
    return path


def flips(cfg):
    return re.findall(r'RandomFlip|\'flip\'', str(cfg))


# the six profiles

def test_digits_forbid_flips_in_every_recipe(tmp_path):
    found = diagnose(ROOT / 'configs/data/digits.py', recipes=tmp_path / 'd')
    assert found['no_flip'] and found['images'] == 342 and found['imbalance'] == 62
    written = sorted((tmp_path / 'd').glob('*.py'))
    assert len(written) >= 3 and not any(flips(Config.fromfile(file).to_dict()) for file in written)
    cam = next(file for file in written if 'cam_bs' in file.name)
    stage = Config.fromfile(cam).default_hooks.stages.stages[0]
    assert 'flip' not in stage.cam.kinds and len(stage.cam.kinds) == 3


def test_mini_pack_gets_a_first_recipe_within_a_point_of_the_best():
    counts = long_tail_counts(900, 10, 50)
    facts = Facts(int(counts.sum()), 10, 900, 18, few=.1, epochs=45)
    mini = {name: float(value.split()[0]) for name, row in results(ROOT).items() for data, value in row.items()
            if 'mini' in data}
    first = recommend(facts)[0]
    assert mini['balanced_softmax'] == 60.8 and mini['maxnorm'] == 60.77 and len(mini) > 40
    assert mini[first.overlays[0]] >= max(mini.values()) - 1
    assert f'{mini[first.overlays[0]]:.1f}' in first.evidence[0][0]


def test_cifar100_lt_from_scratch_with_a_long_schedule():
    rules = recommend(Facts(10847, 100, 500, 5, few=.3, epochs=200))
    assert [r.overlays for r in rules] == [(), ('balanced_softmax',), ('mixup-cam_bs-ft',)]


def test_counts_of_inaturalist_size(tmp_path):
    counts = np.maximum((1000 * (2 / 1000) ** (np.arange(8142) / 8141)), 2).astype(int).tolist()
    (tmp_path / 'c.json').write_text(json.dumps(counts))
    found = diagnose(tmp_path / 'c.json', out=tmp_path / 'p.html')
    assert found['num_classes'] == 8142 and found['imbalance'] == 500 and len(found['tiny']) > 500
    page = (tmp_path / 'p.html').read_text()
    assert len(found['rules']) == 3 and 'counts only' in page and 'Files that do not open: none.' in page
    assert '<h3>1. Second stages on cached features</h3>' in page and '>1,000</text>' in page  # a power of ten


def test_a_folder_of_43_unequal_classes(tmp_path):
    counts = [max(2, 24 - c) for c in range(43)]
    data = folder(tmp_path / 'signs', counts, names=[f'{c:05}' for c in range(43)])
    found = diagnose(data, out=tmp_path / 'p.html')
    assert found['no_flip'] and 'traffic signs' in found['no_flip_why'] and found['tests'] is None
    cfg = Config.fromfile(tmp_path / 'p/data.py')
    assert cfg.model.head.num_classes == 43 and not flips(cfg.to_dict())
    train, test = ((tmp_path / f'p/{name}.txt').read_text().splitlines() for name in ('train', 'test'))
    assert len(train) + len(test) == sum(counts) and not set(train) & set(test)
    assert {line.split()[-1] for line in train} == {str(c) for c in range(43)}


def test_balanced_data_need_nothing(tmp_path):
    found = diagnose(folder(tmp_path / 'even', [12] * 4), recipes=tmp_path / 'r')
    assert found['rules'] == [] and 'nothing here is needed' in found['nothing']
    assert not (tmp_path / 'r').exists() and is_balanced(Facts(48, 4, 12, 12))


# what is written runs

def test_a_recommended_recipe_trains(tmp_path):
    data = folder(tmp_path / 'data', [30, 12, 4])
    found = diagnose(data, recipes=tmp_path / 'r', epochs=45)
    commands = [command for _, rows in found['recipes'] for command in rows]
    teacher, student = (c.replace('epoch_45', 'epoch_1') for c in commands[:2])
    assert '1_balanced_softmax' in teacher and '1_dive' in student
    short = ['--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'model.backbone.depth=8']
    for command in (teacher, f'{student} model.teacher.config.model.backbone.depth=8'):
        command, _, options = command.partition(' --cfg-options ')
        done = subprocess.run([sys.executable, '-m', 'mmlt', *command.split()[1:], *short, *options.split()],
                              cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / 'r/balanced_softmax/report.html').is_file() and 'mean-class' in done.stdout


@pytest.mark.parametrize('rule', RULES, ids=lambda rule: rule.name)
def test_overlays_of_the_rules_exist(rule):
    task = 'det' if rule.condition == 'detection' else 'cls'
    for method in rule.overlays:
        if task == 'cls':
            assert overlay_of(method) is not None, f'no overlay {method}'
            load('cifar10_lt', method)
    assert rule.overlays or rule.refit
    assert all(text and source for text, source in rule.evidence)


def test_rules_are_a_table():
    text = as_markdown()
    assert text.count('\n') == len(RULES) + 1 and all(rule.reason in text for rule in RULES)
    assert recommend(Facts(1270141, 1203, 50552, 1, task='det'))[0].overlays == ('rfs',)
    assert recommend(Facts(1000, 10, 500, 5, pretrained=True))[0].refit[0] == 'logit_adjust'


# planted faults

def test_duplicates_across_splits_broken_files_and_odd_sizes(tmp_path):
    folder(tmp_path / 'd/train', [20, 8], size=48)
    folder(tmp_path / 'd/test', [10, 10], size=48, seed=1)
    first = Image.open(tmp_path / 'd/train/class_00/img0.png')
    first.save(tmp_path / 'd/test/class_00/copy.png')
    structured = np.kron(np.random.default_rng(5).integers(0, 256, (6, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    Image.fromarray(structured).save(tmp_path / 'd/train/class_01/s.png')
    Image.fromarray(structured).save(tmp_path / 'd/test/class_01/s.jpg', quality=90)
    (tmp_path / 'd/train/class_01/cut.png').write_bytes((tmp_path / 'd/train/class_01/img1.png').read_bytes()[:80])
    Image.new('RGB', (600, 10), 'red').save(tmp_path / 'd/train/class_00/strip.png')
    found = diagnose(tmp_path / 'd', out=tmp_path / 'p.html')
    leaks = {(Path(a).name, Path(b).name): kind for a, b, kind, *_ in found['leaks']}
    assert leaks == {('img0.png', 'copy.png'): 'exact', ('s.png', 's.jpg'): 'near'}
    assert [Path(row[1]).name for row in found['broken']] == ['cut.png']
    assert {Path(row[1]).name for row in found['odd']} == {'strip.png'}
    page = (tmp_path / 'p.html').read_text()
    assert 'cut.png' in page and 'copy.png' in page and page.count('data:image') >= 2


def test_duplicates_equal_a_naive_comparison():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (6, 32), np.uint8)
    hashes = np.concatenate([base, base])
    hashes[6:, 0] ^= np.array([0, 1, 255, 3, 0, 7], np.uint8)  # 0 to 8 bits
    hashes[7, 1:6] ^= 255
    part = Looked(list(range(12)), [bytes([i]) for i in range(12)], list(hashes), flat=[False] * 12)
    bits = np.unpackbits(hashes, axis=1)
    naive = [(i, j, 'near') for i in range(12) for j in range(i + 1, 12) if (bits[i] != bits[j]).sum() <= 32]
    assert duplicates(part) == naive and len(naive) == 5


def planted(noise=.04, seed=0):
    """Well separated classes of falling size, with some labels changed."""
    rng = np.random.default_rng(seed)
    counts = np.array([400, 150, 60, 20, 6])
    labels = np.repeat(np.arange(5), counts)
    features = rng.normal(0, .25, (len(labels), 16)) + np.eye(16)[:5][labels] * 2
    wrong = np.flatnonzero((rng.random(len(labels)) < noise) & (labels < 3))
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1) % 3
    features = torch.nn.functional.normalize(torch.tensor(features, dtype=torch.float32), dim=1)
    return features, given, set(wrong.tolist()), counts


def test_planted_label_errors_are_found_and_the_tail_is_not_accused():
    features, labels, wrong, _ = planted()
    near = neighbours(features)
    found = [i for i, *_ in suspects(near, labels, 5)]
    assert agreement(near, labels, 5) > .9
    assert len(wrong & set(found)) >= .9 * len(wrong) and len(set(found) - wrong) <= .1 * len(found)
    assert not any(labels[i] >= 3 for i in found)


def test_evidence_is_weighted_by_class_size():
    labels = np.array([0] * 8 + [1] * 2)
    near = np.array([[9, 0, 1, 2]] * 10)
    votes, evidence = class_evidence(near, labels, 2)
    assert votes[8].tolist() == [3, 1]
    assert evidence[8] == pytest.approx(np.array([3 / 8, 1]) / (3 / 8 + 1))


def test_overlapping_and_swallowed_classes():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [300, 290, 8])
    centre = np.eye(8)[[0, 1, 0]]  # the third lies within the first
    features = torch.nn.functional.normalize(torch.tensor(centre[labels] + rng.normal(0, .1, (598, 8))).float(), dim=1)
    near, counts = neighbours(features), np.array([300, 290, 8])
    assert [(a, b) for a, b, _ in swallowed(near, labels, counts, counts < 20)] == [(2, 0)]
    assert [(a, b) for a, b, _ in overlaps(near, labels, 3)][:1] == [(0, 2)]


def test_poor_features_accuse_nobody(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (120, 16, 16, 3), np.uint8)
    np.savez(tmp_path / 'noise.npz', train_images=images, train_labels=np.repeat([0, 1, 2], [80, 30, 10]))
    found = diagnose(tmp_path / 'noise.npz')
    assert found['suspects'] == [] and 'pass --backbone' in found['features']


def test_features_of_a_backbone_from_a_published_file(tmp_path):
    """It holds a classifier of other classes."""
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    torch.save(timm.create_model('test_vit', num_classes=7).state_dict(), tmp_path / 'weights.pth')
    from PIL import Image

    from mmlt.report.diagnose.labels import backbone_features

    class Split:
        def image(self, i):
            return Image.new('RGB', (40, 30), (50 * i, 0, 0))

    features = backbone_features(Split(), [0, 1], f'test_vit={tmp_path}/weights.pth')
    assert features.shape == (2, 64) and features.norm(dim=1).allclose(torch.ones(2))
    for name, match in ((f'test_vit={tmp_path}/none.pth', 'backbone: there is no file'),
                        (f'test_vit2={tmp_path}/weights.pth', 'another model than test_vit2'),
                        ('test_vitt', 'backbone: timm has no model .*test_vit')):
        with pytest.raises(ValueError, match=match):
            backbone_features(Split(), [0], name)


# kinds of data

def test_lists_counts_annotations_and_npz_read_the_same(tmp_path):
    labels = [0, 0, 0, 1, 1, 2]
    (tmp_path / 'a.txt').write_text(''.join(f'a/{i} b.jpg {c}\n' for i, c in enumerate(labels)))
    (tmp_path / 'a.csv').write_text('path,label\n' + ''.join(f'{i}.jpg,{"cde"[c]}\n' for i, c in enumerate(labels)))
    np.savez(tmp_path / 'a.npz', train_labels=labels)
    (tmp_path / 'a.json').write_text('{"class_counts": [3, 2, 1]}')
    for name in ('a.txt', 'a.csv', 'a.npz', 'a.json'):
        assert read_data(tmp_path / name).counts.tolist() == [3, 2, 1], name
    assert read_data(tmp_path / 'a.csv').classes == ['c', 'd', 'e']
    coco = dict(images=[dict(id=i, width=9, height=9) for i in range(3)], categories=[dict(id=7, name='cat')],
                annotations=[dict(id=i, image_id=i, category_id=7, bbox=[1, 1, 4, 4], area=16) for i in range(2)])
    (tmp_path / 'coco.json').write_text(json.dumps(coco))
    assert read_data(tmp_path / 'coco.json').task == 'det' and read_data(tmp_path / 'coco.json').counts.tolist() == [2]


@pytest.mark.parametrize('name, content, message', [
    ('a.txt', 'only_a_path\n', 'expected "path label"'), ('a.txt', 'x.jpg -1\n', 'classes count from 0'),
    ('a.json', '{"x": 1}', 'neither a list of counts'), ('a.xyz', '', 'of no kind'),
])
def test_bad_data_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_data(tmp_path / name)


def test_labels_that_count_from_one(tmp_path):
    (tmp_path / 'a.txt').write_text('\ufeffx.jpg 1\ny.jpg 3\nz.jpg 3\n', encoding='utf-8')
    (tmp_path / 'b.txt').write_text('v.jpg 2\n')
    data = read_data(tmp_path / 'a.txt', tmp_path / 'b.txt')
    assert data.counts.tolist() == [1, 0, 2] and data.classes == ['1', '2', '3'] and 'from 1' in data.kind
    assert data.train.items[0].name == 'x.jpg' and data.test.labels.tolist() == [1]


def test_missing_data(tmp_path):
    with pytest.raises(FileNotFoundError, match='there is no'):
        read_data('nowhere')
    with pytest.raises(ValueError, match='--test val goes beside a list of training images'):
        read_data(tmp_path, 'val')


def test_huggingface_folder(tmp_path):
    datasets = pytest.importorskip('datasets')
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=['cat', 'dog']))
    images = [Image.new('RGB', (20, 20), (i * 9, 0, 0)) for i in range(6)]
    part = datasets.Dataset.from_dict(dict(image=images, label=[0, 0, 0, 0, 1, 1]), features=features)
    datasets.DatasetDict(train=part, test=part).save_to_disk(tmp_path / 'hf')
    found = diagnose(tmp_path / 'hf')
    assert found['classes'] == ['cat', 'dog'] and found['counts'] == [4, 2] and len(found['leaks']) >= 6


# numbers and guesses

def test_numbers_against_naive_formulas():
    counts = np.array([500, 90, 18, 3, 0])
    found = numbers(counts)
    present = counts[counts > 0]
    naive = np.abs(present[:, None] - present).sum() / (2 * len(present) * present.sum())
    assert found['gini'] == pytest.approx(naive) and found['imbalance'] == pytest.approx(500 / 3)
    p = present / present.sum()
    assert found['effective'] == pytest.approx(np.prod(p ** -p))
    assert [row[:3] for row in found['groups_table']] == [('many', 1, 500), ('medium', 1, 90), ('few', 3, 21)]
    with pytest.raises(ValueError, match='no training image'):
        numbers([0, 0])


@pytest.mark.parametrize('names, forbidden', [
    ([*'0123456789'], True), ([*'abc'], True), ([f'{c:05}' for c in range(43)], True), (['turn left', 'stop'], True),
    (['zero', 'one', 'two'], True), (['stop sign', 'yield sign'], True), (['cat', 'dog'], False),
    (['bright', 'designer', 'context'], False), ([f'class {c}' for c in range(10)], False),
])
def test_flips(names, forbidden):
    assert bool(flips_forbidden(names)) == forbidden


def test_flips_leave_every_place():
    cfg = dict(a=[dict(type='RandomFlip'), dict(type='Resize')], stages=[dict(cam=dict())],
               b=dict(x=({'type': 'mmdet.RandomFlip'},)))
    assert without_flips(cfg) == dict(a=[dict(type='Resize')], b=dict(x=()),
                                      stages=[dict(cam=dict(kinds=('translate', 'rotate', 'scale')))])


def test_groups_are_inferred_kept_whole_and_named():
    names = [f'{track:03}_{frame:02}.png' for track in range(12) for frame in range(5)]
    labels = np.repeat(np.arange(3), 20)
    groups, why = groups_of_files(names, labels)
    assert len(set(groups)) == 12 and '12 groups, 5.0 images' in why
    assert groups_of_files([f'img_{i}.jpg' for i in range(60)], labels)[0] is None
    assert groups_of_files(['p7-a.png', 'p7-b.png', 'p8-a.png'], np.zeros(3, int), r'^(p\d+)')[0] == [0, 0, 1]
    with pytest.raises(ValueError, match='does not match x'):
        groups_of_files(['p7.png', 'x.png'], np.zeros(2, int), r'^(p\d+)')


def test_a_written_split_keeps_groups_whole(tmp_path):
    for c in range(2):
        (tmp_path / f'd/{c}').mkdir(parents=True)
        for track in range(10):
            for frame in range(6 if c == 0 else 2):
                image = np.full((24, 24, 3), 20 * track + c, np.uint8)
                Image.fromarray(image).save(tmp_path / f'd/{c}/t{c}{track}_{frame}.png')
    found = diagnose(tmp_path / 'd', recipes=tmp_path / 'r', groups=r'(t\d+)_')
    train, test = ((tmp_path / f'r/{name}.txt').read_text().splitlines() for name in ('train', 'test'))
    tracks = [{re.search(r't\d+', line)[0] for line in part} for part in (train, test)]
    assert tracks[1] and not tracks[0] & tracks[1] and len(train) + len(test) == 80
    assert found['groups'].startswith('20 groups')
    found = diagnose(tmp_path / 'd', recipes=tmp_path / 'r')
    assert found['groups'].startswith('20 groups')


def test_looking_stops_in_time_and_sees_the_tail():
    labels = np.array([0] * 5000 + [1] * 5)
    split = Split(labels, [np.zeros((8, 8, 3), np.uint8)] * len(labels))
    looked = look(split, seconds=0)
    assert len(looked.index) == 50 and {5000, 5001, 5002, 5003, 5004} & set(looked.index)
    assert odd_sizes(looked) == []


@pytest.mark.skipif(not (SHARED / 'data/cifar10_lt_mini.npz').is_file(), reason='no ../shared')
def test_a_coded_pack_is_refused():
    with pytest.raises(ValueError, match='unpacked first'):
        read_data(SHARED / 'data/cifar10_lt_mini.npz')


def test_lists_of_a_hold_out_are_found_in_their_folder_with_their_class_names(tmp_path):
    from mmlt.cli.holdout import main
    for name in ('stop', 'yield'):
        (tmp_path / 'signs' / name).mkdir(parents=True)
        for i in range(8):
            Image.new('RGB', (8, 8), (20 * i, 0, 0)).save(tmp_path / 'signs' / name / f'{i // 2}_{i % 2}.png')
    out = tmp_path / 'split'
    main([str(tmp_path / 'signs'), '--val', '0.3', '--group-regex', r'([^/]+/\d+)_', '--out', str(out)])
    data = read_data(out / 'train.txt', out / 'val.txt')
    assert list(data.classes) == ['stop', 'yield'] and set(data.splits) == {'train', 'test'}
    assert all(file.is_file() for split in data.splits.values() for file in split.items)

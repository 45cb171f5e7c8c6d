"""mmlt refit --timm from end to end: a folder of images and a small ViT of timm."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from toolbox import tool

timm = pytest.importorskip('timm')
from PIL import Image  # noqa: E402

from mmlt.core.refit import METHODS  # noqa: E402

MODEL = 'test_vit'
CLASSES = ('red_fox', 'sea lion', 'wren')
refit = tool('refit').main


def write_images(root, counts, seed=0):
    rng = np.random.RandomState(seed)
    for c, (name, count) in enumerate(zip(CLASSES, counts)):
        (root / name).mkdir(parents=True)
        for i in range(count):
            image = rng.randint(0, 100, (20, 26, 3)).astype(np.uint8)
            image[..., c] += 120
            Image.fromarray(image).save(root / name / f'{i:02d}.png')


@pytest.fixture(scope='module')
def here(tmp_path_factory):
    """A folder of classes, random weights, and text weights of the same width."""
    root = tmp_path_factory.mktemp('timm')
    write_images(root / 'birds', (40, 15, 6))
    torch.manual_seed(0)
    model = timm.create_model(MODEL)
    torch.save(model.state_dict(), root / 'weights.pth')
    text, projection = torch.randn(3, 5), torch.randn(model.num_features, 5)
    torch.save(dict(weight=text @ projection.T, names=['red fox', *CLASSES[1:]], text=text, projection=projection,
                    scale=20.), root / 'text.pth')
    return root


def words(root, *more, data='birds', out='out'):
    return ['--timm', MODEL, '--weights', str(root / 'weights.pth'), '--data', str(root / data), '--image-size', '32',
            '--epochs', '2', '--out', str(root / out), *more]


@pytest.fixture(scope='module')
def everything(here):
    return refit(words(here, '--text', str(here / 'text.pth')))


def test_all_rows(everything):
    assert list(everything) == ['joint', *METHODS, 'zero_shot', 'zero_shot-gla', 'ensemble', 'gla']


@pytest.mark.parametrize('name', ['joint', 'ncm', 'disalign', 'gla'])
def test_test_py_gives_the_same_numbers(name, everything, here, monkeypatch):
    run = here / 'out' / name
    assert (run / 'checkpoint.pth').stat().st_size < 20_000  # no copy of the backbone
    monkeypatch.setattr(sys, 'argv', ['test.py', str(run / 'config.py'), str(run / 'checkpoint.pth'), '--out',
                                      str(run / 'tested.json'), '--cfg-options', f'experiment_name=timm_{name}'])
    tool('test').main()
    tested = json.loads((run / 'tested.json').read_text())
    for key in ('top1', 'mean_class', 'worst_class'):
        assert tested[f'lt/{key}'] == everything[name][key]


def test_features_are_those_of_timm(everything, here):
    """The model with its own evaluation transform."""
    features = np.load(next((here / 'out/features').glob('test-*.npy')))
    model = timm.create_model(MODEL, num_classes=0, img_size=32).eval()
    state = timm.models.vision_transformer.checkpoint_filter_fn(torch.load(here / 'weights.pth'), model)
    model.load_state_dict({key: value for key, value in state.items() if not key.startswith('head.')})
    settings = dict(timm.data.resolve_model_data_config(model), input_size=(3, 32, 32))
    transform = timm.data.create_transform(**settings)
    files = [line.rpartition(' ')[0] for line in (here / 'out/data/test.txt').read_text().splitlines()]
    images = torch.stack([transform(Image.open(here / 'birds' / file)) for file in files])
    with torch.no_grad():
        assert np.abs(model(images).numpy() - features).max() < 0.02


def test_a_second_run_reads_the_features(everything, here, monkeypatch):
    monkeypatch.setattr('mmlt.engine.features._batches', lambda *args: pytest.fail('features were computed again')
                        if args[-1] < len(args[2]) else [])
    assert refit(words(here, '--methods', 'crt')) == {name: everything[name] for name in ('joint', 'crt')}


def test_its_config_trains_with_adapters(everything, here, tmp_path):
    from mmengine.runner import Runner

    from mmlt.engine.overlays import load
    cfg = load(here / 'out/joint/config.py', 'lift', options={
        'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1, 'work_dir': str(tmp_path), 'launcher': 'none',
        'experiment_name': 'timm_lift', 'log_level': 'ERROR'})
    runner = Runner.from_cfg(cfg)
    before = runner.model.backbone.model.patch_embed.proj.weight.clone()
    runner.train()
    trained = [name for name, p in runner.model.named_parameters() if p.requires_grad]
    assert any('adapter' in name for name in trained) and type(runner.model).__name__ == 'LIFTClassifier'
    assert torch.equal(runner.model.backbone.model.patch_embed.proj.weight, before)
    state = torch.load(here / 'weights.pth')
    assert torch.equal(before, state['patch_embed.proj.weight'])  # the base of the weights, not a random one


def test_half_precision_has_features_of_its_own(everything, here):
    refit(words(here, '--methods', 'crt', '--amp'))
    files = sorted((here / 'out/features').glob('test-*.npy'), key=lambda file: file.stat().st_mtime_ns)
    exact, half = (np.load(file) for file in files)
    error = np.abs(half - exact).max() / np.abs(exact).max()
    assert 0 < error < 0.05


def test_two_processes(everything, here):
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2',
               str(Path(__file__).with_name('refit_ranks.py')), *words(here, '--methods', 'crt', out='ranks')]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    results = json.loads((here / 'ranks/results.json').read_text())
    assert results == {name: everything[name] for name in ('joint', 'crt')}


def test_folders_of_splits_and_lists_of_holdout(here, tmp_path, capsys):
    for seed, (split, counts) in enumerate(dict(train=(20, 10, 5), val=(4, 4, 4), test=(5, 5, 5)).items()):
        write_images(tmp_path / 'whole' / split, counts, seed)
    args = words(here, '--methods', 'tau_norm')
    args[args.index('--data') + 1], args[args.index('--out') + 1] = str(tmp_path / 'whole'), str(tmp_path / 'a')
    refit(args)
    assert 'settings chosen on val' in capsys.readouterr().out
    assert [len((tmp_path / f'a/data/{s}.txt').read_text().splitlines()) for s in ('train', 'val', 'test')] == [
        35, 12, 15]
    tool('holdout').main([str(here / 'birds'), '--out', str(tmp_path / 'lists'), '--val', '0.25'])
    args[args.index('--data') + 1], args[args.index('--out') + 1] = str(tmp_path / 'lists'), str(tmp_path / 'b')
    refit(args)
    assert 'settings chosen on 5 folds' in capsys.readouterr().out


# --- bad input: a sentence each

def changed(root, **words_):
    args = words(root, '--methods', 'crt')
    for name, value in words_.items():
        name = f'--{name.replace("_", "-")}'
        if name in args:
            args[args.index(name) + 1] = str(value)
        else:
            args += [name, str(value)]
    return args


def refused(args, match):
    with pytest.raises(SystemExit, match=match):
        refit(args)


def test_models_and_weights(here, tmp_path):
    refused(changed(here, timm='vit_tiny_patch16_225'), 'timm has no model .*near names: vit_tiny_patch16_')
    refused(changed(here, timm='test_vit2'), r'another model than test_vit2: it has .*; name the model')
    refused(changed(here, timm='resnet18'), r'another model than resnet18')
    refused(changed(here, weights=tmp_path / 'none.pth'), 'there is no file .*none.pth')
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / 'clip.pt'))
    refused(changed(here, weights=tmp_path / 'clip.pt'), r'TorchScript program.*model\.safetensors')
    Path(tmp_path / 'text.pth').write_text('no weights')
    refused(changed(here, weights=tmp_path / 'text.pth'), 'is no checkpoint')


def test_images_and_patches(here):
    refused(changed(here, image_size=8), 'images of 8 px are smaller than its patches of 16')
    refused(changed(here, image_size=40), 'images of 40 px are no multiple of its patches of 16')


def test_an_image_that_does_not_open(here, tmp_path):
    write_images(tmp_path / 'birds', (8, 8, 8))
    (tmp_path / 'birds/wren/03.png').write_bytes(b'no image')
    refused(changed(here, data=tmp_path / 'birds', out=tmp_path / 'out'), r'wren/03\.png')


def test_text_weights(here, tmp_path):
    saved = torch.load(here / 'text.pth')
    for change, match in (
            (dict(projection=torch.randn(9, 5)), 'for features of width 9, this backbone gives 64'),
            (dict(names=['wren', 'sea lion', 'red fox']), "'wren' as class 0, the data 'red_fox'; .*order of the lab"),
            (dict(names=['red fox', 'sea lion']), 'has 2 class names, the data 3')):
        torch.save({**saved, **change}, tmp_path / 'text.pth')
        refused(changed(here, text=tmp_path / 'text.pth'), match)
    refused(changed(here, text=here / 'weights.pth'), 'has no weight and names')


def test_folders(here, tmp_path):
    refused(changed(here, data=tmp_path / 'none'), 'is no folder')
    write_images(tmp_path / 'half/train', (4, 4, 4))
    refused(changed(here, data=tmp_path / 'half'), 'has train but none of test, val')
    write_images(tmp_path / 'half/val', (4, 4, 4))
    (tmp_path / 'half/val/wren').rename(tmp_path / 'half/val/yak')
    refused(changed(here, data=tmp_path / 'half'), "val has the class 'yak', which .*train has not")


def test_words_that_do_not_go_together(capsys):
    for args, message in ((['--timm', MODEL], '--timm needs --data FOLDER'),
                          (['config.py', 'a.pth', '--text', 'b.pth'], '--text goes with --timm MODEL')):
        with pytest.raises(SystemExit):
            refit(args)
        assert message in capsys.readouterr().err

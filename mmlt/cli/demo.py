"""mmlt demo: cross entropy against CAM-based sampling on scikit-learn's digits, thinned to a long tail."""
import argparse
import time
from pathlib import Path

import torch
from mmengine.runner import Runner

from mmlt.cli.report import after_training
from mmlt.engine.cli import plain_errors
from mmlt.engine.hooks import RecordHook
from mmlt.engine.overlays import load
from mmlt.report.cam_gallery import write_gallery
from mmlt.report.table import print_results

RECIPES = {'CE': [], 'CAM-BS': ['cam_bs']}


@plain_errors
def main(args=None):
    argparse.ArgumentParser(description=__doc__).parse_args(args)
    start, results = time.time(), {}
    for name, methods in RECIPES.items():
        print(f'\n== {name}: {" ".join(["configs/data/digits.py", *methods])}', flush=True)
        cfg = load('digits', *methods)
        cfg.work_dir, cfg.log_level = f'work_dirs/demo/{"+".join(methods) or "ce"}_digits', 'INFO'
        runner = Runner.from_cfg(cfg)
        runner.register_hook(RecordHook())
        runner.train()
        results[name] = {key[4:]: scalar.current() for key, scalar in runner.message_hub.log_scalars.items()
                         if key.startswith('val/lt/')}
    gallery = Path('work_dirs/demo/cam_foreground.png')
    dataset = runner.train_dataloader.dataset
    few = torch.linspace(0, len(dataset) - 1, 8).long().tolist()
    write_gallery(runner.model, dataset, few, gallery)
    print()
    print_results(results)
    after_training('work_dirs/demo')
    print(f'Foreground gallery: {gallery.resolve()}\n{time.time() - start:.0f} s\n'
          'Next: mmlt diagnose YOUR_FOLDER says which recipes to try on your images')

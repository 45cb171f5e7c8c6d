"""Gallery of what CAM-based sampling does to training images:
python tools/vis_cam_foreground.py configs/lt/cam_bs_imagenet_lt.py work_dirs/.../epoch_80.pth --out gallery.png"""
import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DATASETS, init_default_scope

from mmlt.engine.features import load_model
from mmlt.engine.load import add_arguments, read_checkpoint
from mmlt.engine.stages import leaf_datasets
from mmlt.report.cam_gallery import from_head_to_tail, write_gallery
from mmlt.report.classifier import find_classifier


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--num', type=int, default=16, help='images, from the largest class to the smallest')
    parser.add_argument('--out', default='gallery.png')
    parser.add_argument('--ratio', type=float, default=1.0, help='foreground is CAM >= ratio * its mean')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of images')
    parser.add_argument('--device', default='cpu')
    add_arguments(parser)
    args = parser.parse_args()
    if args.num < 1:
        parser.error(f'--num {args.num}: must be at least 1')
    if not args.ratio > 0:
        parser.error(f'--ratio {args.ratio:g}: must be positive, 0 makes the whole image foreground')
    if not Path(args.config).is_file():
        raise SystemExit(f'error: no config {args.config}')
    try:
        draw(args)
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from None
    print(args.out)
    print('Foregrounds are flipped, too: where direction carries the label (signs, digits, text) train cam_bs-noflip')


def draw(args):
    cfg = Config.fromfile(args.config)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))

    checkpoint = read_checkpoint(args.checkpoint, trust=args.trust)
    state = checkpoint.get('state_dict', checkpoint)
    model = load_model(cfg, {name.removeprefix('module.'): value for name, value in state.items()},
                       find_classifier(checkpoint)[0], args.allow_missing)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    view = cfg.test_dataloader.dataset  # whole images, no random crop
    while 'pipeline' not in view:
        view = view['dataset']
    for leaf in leaf_datasets(dataset):
        leaf.pipeline = Compose(view['pipeline'])
    write_gallery(model.to(args.device), dataset, from_head_to_tail(dataset, args.num, args.seed), args.out, args.ratio)


if __name__ == '__main__':
    main()

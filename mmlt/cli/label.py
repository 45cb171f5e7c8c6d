"""Label images with a model: mmlt label cifar10_lt_mini epoch_45.pth images --out labels.npz"""
from mmengine.registry import init_default_scope

from mmlt.engine.cli import load_config, parser, plain_errors
from mmlt.engine.pseudo_label import label_set, unlabelled_set


@plain_errors
def main(argv=None):
    p = parser(__doc__)
    p.add_argument('checkpoint')
    p.add_argument('unlabelled', help='a folder of images, a text file with one path a line, or an .npz (train_images)')
    p.add_argument('--out', required=True, help='the .npz for the data set PseudoLabels(file=)')
    p.add_argument('--rates', choices=['crest'], help='add each class at a rate, rare ones most; default all images')
    p.add_argument('--alpha', type=float, default=3.0, help='of --rates crest')
    p.add_argument('--threshold', type=float, default=0.0, help='add images of at least this confidence')
    args = p.parse_intermixed_args(argv)
    args.cfg_options = dict(args.cfg_options or {}, unlabelled=unlabelled_set(args.unlabelled, []))  # of crest
    cfg = load_config(args)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    arrays = label_set(cfg, args.checkpoint, args.unlabelled, args.out, args.rates, args.alpha, args.threshold,
                       args.trust, args.allow_missing)
    print(f'{len(arrays["added"])} of {len(arrays["labels"])} images in {args.out}, by the model '
          f'{str(arrays["sha256"])[:12]}')

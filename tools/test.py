"""Evaluate a checkpoint: python tools/test.py configs/lt/cam_bs_imagenet_lt.py work_dirs/.../epoch_100.pth"""
from pathlib import Path

import mmengine
from mmengine.runner import Runner

from mmlt.engine.access import unwrap
from mmlt.engine.cli import load_config, parser
from mmlt.report.classifier import read_checkpoint
from mmlt.report.table import print_results

FORMATS = '.json', '.yaml', '.yml', '.pkl', '.pickle'  # of mmengine.dump


def main():
    p = parser(__doc__)
    p.add_argument('checkpoint')
    p.add_argument('--out', help='write the metrics to this .json, .yaml or .pkl file')
    args = p.parse_args()
    if args.out and Path(args.out).suffix not in FORMATS:
        p.error(f'--out {args.out}: the name must end in {" or ".join(FORMATS)}')
    cfg = load_config(args)
    try:
        checkpoint = read_checkpoint(args.checkpoint)  # before the data sets are read
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from None
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.amp:
        cfg.test_cfg.fp16 = True

    runner = Runner.from_cfg(cfg)
    own = unwrap(runner.model).state_dict()
    lost = [key for key in checkpoint.get('state_dict', checkpoint) if key.startswith('backbone.') and key not in own]
    if lost:
        raise SystemExit(f'error: {args.checkpoint} has {len(lost)} weights that the backbone of {args.config} lacks, '
                         f'as {lost[0]}; take the config that it was trained with')
    results = runner.test()
    if runner.rank == 0:
        if any(key.startswith('lt/') for key in results):
            print_results({Path(args.checkpoint).stem: results})
        if args.out:
            mmengine.dump(results, args.out)


if __name__ == '__main__':
    main()

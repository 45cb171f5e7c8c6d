"""Evaluate a checkpoint: python tools/test.py configs/lt/cam_bs_imagenet_lt.py work_dirs/.../epoch_100.pth"""
from pathlib import Path

import mmengine
from mmengine.runner import Runner

from mmlt.engine.cli import load_config, parser
from mmlt.report.table import print_results


def main():
    p = parser(__doc__)
    p.add_argument('checkpoint')
    p.add_argument('--out', help='write the metrics to this json file')
    args = p.parse_args()
    cfg = load_config(args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.amp:
        cfg.test_cfg.fp16 = True

    runner = Runner.from_cfg(cfg)
    results = runner.test()
    if runner.rank == 0:
        if any(key.startswith('lt/') for key in results):
            print_results({Path(args.checkpoint).stem: results})
        if args.out:
            mmengine.dump(results, args.out)


if __name__ == '__main__':
    main()

"""Evaluate a checkpoint: mmlt test imagenet_lt cam_bs work_dirs/.../epoch_100.pth"""
from pathlib import Path

import mmengine
from mmengine.runner import Runner

from mmlt.engine.cli import load_config, parser, plain_errors
from mmlt.engine.hooks import RecordHook
from mmlt.engine.load import read_checkpoint
from mmlt.report.table import print_results

FORMATS = '.json', '.yaml', '.yml', '.pkl', '.pickle', '.npz'  # the first ones of mmengine.dump


@plain_errors
def main(args=None):
    p = parser(__doc__)
    p.add_argument('checkpoint')
    p.add_argument('--out', help='write the metrics to this .json, .yaml or .pkl file, or the predictions to an .npz')
    args = p.parse_intermixed_args(args)
    if args.out and Path(args.out).suffix not in FORMATS:
        p.error(f'--out {args.out}: the name must end in {" or ".join(FORMATS)}')
    cfg = load_config(args)
    read_checkpoint(args.checkpoint, trust=args.trust)  # before the data sets are read
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.amp:
        cfg.test_cfg.fp16 = True

    runner = Runner.from_cfg(cfg)
    predictions = args.out if args.out and args.out.endswith('.npz') else None
    if predictions:
        runner.register_hook(RecordHook(predictions))
    results = runner.test()
    if runner.rank == 0:
        if any(key.startswith('lt/') for key in results):
            print_results({Path(args.checkpoint).stem: results})
        if args.out and not predictions:
            mmengine.dump(results, args.out)
        if predictions:
            print(f'Predictions: {args.out}\nNext: mmlt report {args.out} for accuracy by class and confusions')
        else:
            print((f'Metrics: {args.out}\n' if args.out else '') + 'Next: --out predictions.npz writes what '
                  'mmlt report reads: accuracy by class, confusions, reliability')

"""Train a config, with methods over it: mmlt train imagenet_lt cam_bs"""
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.registry import RUNNERS

from mmlt.cli.report import after_training
from mmlt.engine.amp import use_amp
from mmlt.engine.checkpoints import newest_checkpoint
from mmlt.engine.cli import load_config, parser, plain_errors, start_from
from mmlt.engine.hooks import CheckDataHook, RecordHook
from mmlt.engine.overlays import run_name
from mmlt.report.table import print_results


class Validated(Hook):
    """Knows whether the model as it is was validated."""
    done = False

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.done = False

    def after_val(self, runner):
        self.done = True


@plain_errors
def main(args=None):
    p = parser(__doc__)
    p.add_argument('--resume', nargs='?', const='auto', help='go on from this checkpoint, or from the newest')
    p.add_argument('--restart', action='store_true', help='begin anew in a work dir that holds a training; its '
                   'checkpoints are set aside')
    p.add_argument('--check-data', action='store_true', help='look for every image file first, however many there are; '
                   'up to 200,000 are looked for anyway')
    p.add_argument('--no-validate', action='store_true')
    p.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate with the global batch')
    p.add_argument('--seed', type=int)
    p.add_argument('--no-report', action='store_true', help='write no WORK_DIR/report.html at the end')
    args = p.parse_intermixed_args(args)
    cfg = load_config(args)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        use_amp(cfg.optim_wrapper)
    start_from(cfg, args.resume, args.restart)
    start = not cfg.get('resume') and cfg.get('load_from')
    if start and '://' not in start and not Path(start).is_file():
        raise SystemExit(f'error: the run begins from a trained model, {start}, which does not exist; train that one '
                         'first, or give another by --cfg-options load_from=...')
    if args.auto_scale_lr:
        if not cfg.get('auto_scale_lr'):
            raise SystemExit(f'error: {args.config} does not say for which batch its learning rate is; add '
                             'auto_scale_lr = dict(base_batch_size=...), or drop --auto-scale-lr')
        cfg.auto_scale_lr.enable = True
    if args.seed is not None:
        cfg.randomness = dict(seed=args.seed)

    runner, validated = RUNNERS.build(cfg), Validated()
    runner.register_hook(validated)
    runner.register_hook(CheckDataHook(args.check_data))
    runner.register_hook(RecordHook())
    runner.train()
    if runner.val_loop is not None and not validated.done and runner.iter == runner.max_iters:
        runner.val_loop.run()  # resumed after the last epoch
    metrics = {key[4:]: scalar.current() for key, scalar in runner.message_hub.log_scalars.items()
               if key.startswith('val/') and not key.endswith('time')}
    results = {key: metrics.pop(key) for key in list(metrics) if key.startswith('lt/')}
    if runner.rank == 0:
        if results:
            print_results({run_name(cfg.filename, cfg): results})
        for key, value in metrics.items():
            print(f'{key} {value:.4g}')
        print(f'Logs and checkpoints: {cfg.work_dir}')
        if not args.no_report:
            after_training(cfg.work_dir)
        newest = newest_checkpoint(cfg.work_dir) or 'CHECKPOINT'
        config = [args.config, *args.overlays]
        if args.cfg_options:
            config = [str(Path(cfg.work_dir, Path(cfg.filename).name))]  # the whole, as MMEngine wrote it
        print(f'Next: mmlt refit {" ".join(config)} {newest} for second stages in seconds; '
              f'mmlt report {Path(cfg.work_dir).parent} compares runs')


if __name__ == '__main__':
    main()

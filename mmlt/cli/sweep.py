"""Train a grid of configs, methods, settings and seeds, several runs at once.

    mmlt sweep configs/data/cifar100_lt.py --methods configs/methods/gallery/*.py \\
        --set train_dataloader.dataset.imbalance=100 50 --seeds 0 1 2 --jobs 2
    mmlt sweep my_configs/ --seeds 0 1

A CONFIG is a file or a folder of them. Each run trains in OUT/<name>/seed_<s>. Stop it as you like, even by kill -9,
and start it again with the same command: finished runs are kept, the others go on from their newest checkpoint, and a
run whose config changed starts anew. OUT/results.{csv,md} hold all finished runs in OUT: mean ± deviation over the
seeds, the difference to cross entropy on the same data, and the numbers of published.json beside overlays:
[{"source": .., "data": .., "imbalance": .., "top1": {"<method>": ..}}, ..]
"""
import argparse
import itertools
import json
import re
import shlex
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from mmlt.cli.report import after_training
from mmlt.core.files import write_whole
from mmlt.engine.cli import Options, plain_errors
from mmlt.engine.overlays import find_overlay
from mmlt.jobs.cluster import RayCluster, RemoteSweep
from mmlt.jobs.runs import Run, find_configs, load_config, read_result
from mmlt.jobs.slurm import SlurmArray, SubmissionError
from mmlt.jobs.sweep import Sweep, default_jobs
from mmlt.report.progress import Display
from mmlt.report.sweep_table import summarize, to_csv, to_markdown, to_rich
from mmlt.report.table import print_table

TRAIN = Path(__file__).with_name('train.py')


def parse_args(args=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('configs', nargs='+', metavar='CONFIG', help='a config, a folder of them, or the name of a data set')
    p.add_argument('--methods', nargs='+', default=[], metavar='OVERLAY', help='each merged over each config: files '
                   'or names of methods')
    p.add_argument('--set', nargs='+', action='append', default=[], metavar=('KEY=VALUE', 'VALUE'),
                   help='train with each of these values; several --set span a grid')
    p.add_argument('--seeds', nargs='+', type=int, default=[0], metavar='S', help='default: 0')
    p.add_argument('--jobs', type=int, metavar='N', help='runs at once, dealt over the visible GPUs; several fit on '
                   'one (default: one a GPU; without a GPU one a core, each of one thread; with --slurm all)')
    p.add_argument('--out', type=Path, help='default: work_dirs/<names of the configs>')
    p.add_argument('--share', action='store_true', help='train once the first epochs that runs of a seed have in '
                   'common: those whose configs differ only in later stages of StageSwitchHook')
    p.add_argument('--amp', action='store_true', help='mixed precision')
    p.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='for every config')
    cluster = p.add_mutually_exclusive_group()
    cluster.add_argument('--ray', nargs='?', const='', metavar='ADDRESS', help='run on a Ray cluster (default: that of '
                         'RAY_ADDRESS, else one of this machine)')
    cluster.add_argument('--slurm', metavar='PARTITION', help='run as an array of Slurm jobs, through submitit')
    p.add_argument('--slurm-args', type=shlex.split, default=[], metavar='ARGS',
                   help="further ones of sbatch: --slurm-args='--time=4:00:00 --mem=16G'")
    p.add_argument('--gpus', type=float, metavar='N', help='of each run with --ray or --slurm (default: 1)')
    p.add_argument('--cpus', type=int, default=1, metavar='N', help='the same')
    args = p.parse_args(args)
    if min(args.seeds) < 0 or max(args.seeds) >= 2**32 or len(set(args.seeds)) < len(args.seeds):
        p.error(f'--seeds {" ".join(map(str, args.seeds))}: give different numbers of 0 or more, below 2**32')
    if args.jobs is None and not args.slurm:
        args.jobs = default_jobs()
    if args.jobs is not None and args.jobs < 1:
        p.error(f'--jobs {args.jobs}: at least 1 must run at once')
    if args.out and args.out.is_file():
        p.error(f'--out {args.out}: is a file, give a folder')
    if bad := [option for option in args.cfg_options if '=' not in option]:
        p.error(f'--cfg-options {" ".join(bad)}: give KEY=VALUE')
    if bad := [values for values in args.set if '=' not in values[0] or any('=' in value for value in values[1:])]:
        p.error(f'--set {" ".join(bad[0])}: give KEY=VALUE [VALUE ...], and --set again for another key')
    if args.slurm and not shutil.which('sbatch'):
        p.error(f'--slurm {args.slurm}: there is no sbatch on this machine')
    if args.slurm and args.gpus is not None and args.gpus % 1:
        p.error(f'--gpus {args.gpus:g}: Slurm gives whole GPUs')
    if bad := [option for option in args.slurm_args if not option.startswith('--')]:
        p.error(f'--slurm-args {" ".join(bad)}: give --key=value for each')
    for flag, package in (('ray', 'ray'), ('slurm', 'submitit')):
        if getattr(args, flag) is not None and not find_spec(package):
            p.error(f"--{flag}: needs {package}, pip install 'mmlt[{flag}]'")
        if getattr(args, flag) is not None and args.share:
            p.error(f'--share: trains on this machine, leave --{flag} out')
    args.out = args.out or Path('work_dirs') / '-'.join(Path(config).resolve().stem for config in args.configs)
    return args


def parse_options(options):
    """['a.b=1'] -> {'a.b': 1}"""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=Options)
    return parser.parse_args(['--cfg-options', *options]).cfg_options if options else {}


def load_runs(args, console):
    """The runs, config by config, and the errors of configs that cannot be read."""
    settings = []
    for first, *others in args.set:
        key, _, value = first.partition('=')
        settings.append([f'{key}={value}' for value in (value, *others)])
    methods = [[find_overlay(method)] for method in args.methods] or [[]]
    runs, bad = [], {}
    for path, overlays, point in itertools.product(find_configs(args.configs), methods, itertools.product(*settings)):
        name = ' '.join(map(str, (path, *overlays, *point)))
        try:
            cfg = load_config(path, parse_options([*args.cfg_options, *point]), overlays)
            runs += [Run(path, cfg, seed, args.out, args.amp, args.cfg_options, overlays, point) for seed in args.seeds]
        except Exception as error:  # a config is code
            bad[name] = f'{type(error).__name__}: {error}'
            console.print(f'{name}: {bad[name]}', style='bold red')
    return runs, bad


def _is_row(top1):
    return isinstance(top1, dict) and all(isinstance(value, (int, float)) for value in top1.values())


def load_published(files, names, console):
    """The tables of published numbers in the files that exist."""
    tables = []
    for file in sorted(files):
        if file.is_file():
            try:
                found = json.loads(file.read_text())
            except (ValueError, RecursionError) as error:
                raise ValueError(f'{file} is no JSON: {error}') from None
            if not isinstance(found, list) or not all(isinstance(table, dict) and _is_row(table.get('top1'))
                                                      for table in found):
                raise ValueError(f'{file}: give [{{"source": .., "data": .., "imbalance": .., "top1": {{"<method>": '
                                 '..}}, ..]')
            known = names | {path.stem for path in file.parent.glob('*.py')}
            if unknown := sorted({method for table in found for method in table['top1']} - known):
                console.print(f'{file} has rows of no config: {", ".join(unknown)}', style='yellow')
            tables += found
    return tables


def finished(args, runs):
    """What was written about each finished run in OUT: those of ``runs`` first, by name."""
    results = {run.name: [] for run in runs}
    for run in runs:
        if result := run.result():
            results[run.name].append(result)
    for folder in sorted(set(args.out.glob('*/seed_*')) - {run.folder for run in runs}):
        result = re.fullmatch(r'seed_\d+', folder.name) and read_result(folder)
        if result:
            results.setdefault(folder.parent.name, []).append(result)
    return results


def write_tables(args, runs, published):
    rows = summarize(finished(args, runs), len(args.seeds), published)
    write_whole(args.out / 'results.csv', to_csv(rows).encode())
    write_whole(args.out / 'results.md', f'{to_markdown(rows)}\n'.encode())
    return rows


def the_sweep(args, runs, train, report):
    """On this machine, on Ray or on Slurm."""
    if args.ray is not None:
        cluster = RayCluster(args.ray or None, args.gpus, args.cpus)
    elif args.slurm:
        gpus = None if args.gpus is None else int(args.gpus)
        cluster = SlurmArray(args.out / 'slurm', args.slurm, gpus, args.cpus, args.jobs, args.slurm_args)
    else:
        return Sweep(runs, train, args.jobs, args.share, report=report)
    return RemoteSweep(runs, train, cluster, report)


@plain_errors
def main(args=None, train=TRAIN):
    """Returns the exit status."""
    args, console = parse_args(args), Console(soft_wrap=True, highlight=False, markup=False)
    try:
        runs, bad = load_runs(args, console)
        files = {Path(path).parent / 'published.json' for run in runs for path in (run.path, *run.overlays)}
        published = load_published(files, {run.settings['method'] for run in runs}, console)
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from None
    if not runs:
        return 1
    args.out.mkdir(parents=True, exist_ok=True)
    todo = [run for run in runs if not run.result()]
    if len(todo) < len(runs):
        console.print(f'{len(runs) - len(todo)} of {len(runs)} runs are finished')
    display = Display(console, len(todo))

    def report(run, event, text):
        display.report(run, event, text)
        if event == 'done':
            write_tables(args, runs, published)

    try:
        sweep = the_sweep(args, runs, train, report)
    except ValueError as error:
        raise SystemExit(f'error: {error}') from None
    display.expect(todo, getattr(sweep, 'sources', {}))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status = 0
    try:
        with display.progress:
            sweep.run(display.tick)
    except SubmissionError as error:
        raise SystemExit(f'error: {error}') from None
    except KeyboardInterrupt:
        console.print('interrupted; the same command goes on')
        status = 130
    print_table(to_rich(write_tables(args, runs, published)), Console(width=max(console.width, 140)))
    console.print(f'Table and runs: {args.out}')
    after_training(args.out)
    console.print(f'Next: mmlt report {args.out} --baseline METHOD compares class by class; the same command with more '
                  '--seeds trains only those that are missing')
    for run, reason in sweep.failed.items():
        console.print(f'{run} failed, {reason}; see {run.folder / "log.txt"}', style='bold red')
    for path, error in bad.items():
        console.print(f'{path}: {error}', style='bold red')
    return status or int(bool(sweep.failed or bad))


if __name__ == '__main__':
    sys.exit(main())

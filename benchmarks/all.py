"""Run every benchmark, write its ratios as json and as one table, and compare them with the last kept ones.

    python benchmarks/all.py [--only losses samplers] [--keep]

A ratio that got worse by 15 % is named, and the exit status is 1; so it is where a benchmark fails. ``--keep`` writes
benchmarks/results/speed.json, with which the next run compares.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = HERE / 'results/speed.json'
WORSE = 1.15
NONE = {'all', 'record', 'results', 'streaming'}  # no benchmarks of ratios


def run(script, arguments=()):
    """Exit status and what the script recorded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'record.jsonl'
        env = dict(os.environ, MMLT_BENCHMARK_RECORD=str(path),
                   PYTHONPATH=os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get('PYTHONPATH')])))
        status = subprocess.run([sys.executable, str(script), *arguments], env=env).returncode
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return status, [dict(benchmark=script.stem, **row) for row in rows]


def change(row, kept):
    """How many times worse than the kept row: above 1 is worse; None without one."""
    if kept is None or not kept['value'] or not row['value']:
        return None
    return row['value'] / kept['value'] if row['smaller'] else kept['value'] / row['value']


def missed(row):
    target = row['target']
    return target is not None and (row['value'] > target if row['smaller'] else row['value'] < target)


def compare(rows, kept):
    """The Markdown table of all rows, and the sentences about those that got worse."""
    last = {(row['benchmark'], row['what']): row for row in kept}
    lines, worse = ['| benchmark | what | ratio | target | kept |', '|---|---|---:|---:|---:|'], []
    for row in rows:
        old = last.get((row['benchmark'], row['what']))
        sign = '<=' if row['smaller'] else '>='
        target = '–' if row['target'] is None else f'{sign} {row["target"]:g}' + (', missed' if missed(row) else '')
        lines.append(f'| {row["benchmark"]} | {row["what"]} | {row["value"]:.2f} | {target} | '
                     f'{"–" if old is None else format(old["value"], ".2f")} |')
        times = change(row, old)
        if times is not None and times > WORSE:
            worse.append(f'{row["benchmark"]}, {row["what"]}: {row["value"]:.2f} against {old["value"]:.2f}, '
                         f'{100 * (times - 1):.0f} % worse')
    return '\n'.join(lines), worse


def main(args=None, folder=HERE, kept=KEPT):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted(path.stem for path in folder.glob('*.py') if path.stem not in NONE)
    parser.add_argument('--only', nargs='+', choices=names, default=names)
    parser.add_argument('--keep', action='store_true', help='the next run compares with this one')
    args = parser.parse_args(args)
    rows, failed = [], []
    for name in args.only:
        print(f'== {name}', flush=True)
        status, own = run(folder / f'{name}.py')
        rows += own
        failed += [] if own else [f'{name} ended with status {status} and recorded nothing']
    old = json.loads(kept.read_text())['rows'] if kept.is_file() else []
    table, worse = compare(rows, old)
    print(f'\n{table}\n')
    print('\n'.join([*failed, *worse]) or 'nothing got worse')
    if args.keep:
        untouched = [row for row in old if row['benchmark'] not in args.only]
        kept.write_text(json.dumps(dict(machine=platform.processor() or platform.machine(), cores=os.cpu_count(),
                                        python=platform.python_version(), rows=untouched + rows), indent=1) + '\n')
    return int(bool(failed or worse))


if __name__ == '__main__':
    sys.exit(main())

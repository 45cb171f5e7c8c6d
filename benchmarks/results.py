"""The tables of whole runs: from a sweep's folder to json, from json to docs/results.md.

    python benchmarks/results.py collect OUT FILE --title T --data cifar100_lt --imbalance 100 --split S --schedule E \
        --augmentation A --commit C       # FILE: benchmarks/results/cifar100_lt_if100.json
    python benchmarks/results.py table    # writes the tables between the marks of docs/results.md

A second ``collect`` into one file keeps the runs of other methods and seeds. Commits and precisions may differ between
runs; the table says so.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from mmlt.jobs.runs import read_result
from mmlt.report.evidence import collect, evidence

ROOT = Path(__file__).resolve().parents[1]
DOCS, KEPT = ROOT / 'docs/results.md', ROOT / 'benchmarks/results'
# the gallery's, and those of second stages and of methods outside it
PUBLISHED = ROOT / 'configs/methods/gallery/published.json', ROOT / 'benchmarks/published.json'
BEGIN, END = '<!-- benchmarks/results.py table -->', '<!-- end -->'
FACTS = ('title', 'data', 'split', 'schedule', 'augmentation')


def why_failed(folder):
    """The last error in the log of a run, None if there is none."""
    log = folder / 'log.txt'
    lines = log.read_text(errors='replace').splitlines()[-40:] if log.is_file() else []
    errors = [line for line in lines if re.match(r'\w*(Error|Exception|NaN\w*)\b', line)]
    return errors[-1] if errors else None


def add(args):
    """Join the runs of OUT with those in FILE."""
    file = json.loads(args.file.read_text()) if args.file.is_file() else dict(imbalance=args.imbalance, runs=[])
    file.update({key: getattr(args, key) for key in FACTS if getattr(args, key)})
    commit = args.commit or subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=ROOT, capture_output=True, text=True,
                                           check=True).stdout.strip()
    runs = collect(args.out, read_result, commit[:12], why_failed)  # as long as the runs' own
    for run in runs:  # the sweep names a run <method>_<data>
        run['method'] = run['method'].replace(f'_{file.get("data")}', '')
    new = {(run['method'], run['seed']) for run in runs}
    file['runs'] = [run for run in file['runs'] if (run['method'], run['seed']) not in new] + runs
    file['runs'].sort(key=lambda run: (run['method'] != 'ce', run['method'], run['seed']))
    args.file.parent.mkdir(parents=True, exist_ok=True)
    args.file.write_text(json.dumps(file, indent=1) + '\n')
    print(f'{len(runs)} runs of {args.out} in {args.file}')


def write(args):
    """Put the tables between the marks."""
    files = [json.loads(path.read_text()) for path in sorted(args.kept.glob('*.json'))]
    published = [paper for path in PUBLISHED for paper in json.loads(path.read_text())]
    text = evidence([file for file in files if 'runs' in file], published)
    before, found, rest = args.docs.read_text().partition(BEGIN)
    if not found or END not in rest:
        raise SystemExit(f'error: {args.docs} has no place for the tables; put the lines {BEGIN} and {END} there')
    args.docs.write_text(f'{before}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.partition(END)[2]}')


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    p = commands.add_parser('collect')
    p.add_argument('out', type=Path)
    p.add_argument('file', type=Path)
    p.add_argument('--imbalance', type=float, default=100)
    p.add_argument('--commit', help='of the code that trained, where a run does not say; default: this checkout')
    for fact in FACTS:
        p.add_argument(f'--{fact}')
    p.set_defaults(run=add)
    p = commands.add_parser('table')
    p.add_argument('--docs', type=Path, default=DOCS)
    p.add_argument('--kept', type=Path, default=KEPT)
    p.set_defaults(run=write)
    args = parser.parse_args(args)
    args.run(args)


if __name__ == '__main__':
    sys.exit(main())

"""Our numbers beside the published ones: the table of docs/results.md, from the json files of the runs."""
import json
import statistics
from pathlib import Path
from textwrap import fill

from .table import results_table

MARGIN = 1.0  # points beyond which a difference is bold
FAILED = ('failed', 'unfinished')
KEYS = 'top1', 'mean_class', 'many', 'medium', 'few', 'worst_class', 'ece'


def evidence(files, published):
    """Markdown of one table a file.

    Args:
        files (list[dict]): each with ``title``, ``data``, ``imbalance``, ``split``, ``schedule``, ``augmentation`` and
            ``runs``, one dict a seed: ``method``, ``seed``, ``status`` (done, failed or unfinished), ``metrics``,
            ``commit``, ``precision``, and for a failed run ``reason``. Optional: ``causes`` {method: why it differs}.
        published (list[dict]): with ``source``, ``split``, ``data``, ``imbalance`` and ``top1`` {method: number}.

    Returns:
        str: how the runs were made; ours, the published accuracy and their difference (bold beyond one point), where
        somebody published one; every method's accuracies by group; and what was mixed, failed or differs.

    Raises:
        ValueError: a file without one of the keys; it is named.

    >>> run = dict(method='ce', seed=0, status='done', metrics={'lt/top1': 40.}, commit='a', precision='bfloat16')
    >>> file = dict(title='A set', data='set', imbalance=100, split='ours', schedule='200 epochs', augmentation='flip',
    ...             runs=[run])
    >>> paper = dict(source='A paper', split='theirs', data='set', imbalance=100, top1=dict(ce=38.))
    >>> print(next(line for line in evidence([file], [paper]).splitlines() if line.startswith('| ce')))
    | ce | 40.00 | 0 | 38.00 | **+2.00** | A paper; theirs |
    """
    return '\n\n'.join(_section(file, published) for file in files)


def _section(file, published):
    if missing := {'title', 'data', 'imbalance', 'split', 'schedule', 'augmentation', 'runs'} - file.keys():
        raise ValueError(f'the results {file.get("title", "without a title")!r} lack {", ".join(sorted(missing))}')
    methods = list(dict.fromkeys(run['method'] for run in file['runs']))
    known = [paper for paper in published if (paper['data'], paper['imbalance']) == (file['data'], file['imbalance'])]
    notes, rows = [], []
    for method in methods:
        runs = [run for run in file['runs'] if run['method'] == method]
        papers = [paper for paper in known if method in paper['top1']]
        rows += [_row(method, runs, paper) for paper in papers]
        cause = file.get('causes', {}).get(method)
        done = [run['metrics']['lt/top1'] for run in runs if run['status'] == 'done']
        if done and papers and abs(statistics.fmean(done) - papers[0]['top1'][method]) > MARGIN:
            notes.append(f'`{method}`: {cause or "cause unknown"}.')
        notes += [f'`{method}`, seed {run["seed"]}: {run["status"]}, {run.get("reason", "no reason kept")}.'
                  for run in runs if run['status'] in FAILED]
    kept = [run for run in file['runs'] if run['status'] == 'done']
    made = {key: sorted({str(run.get(key)) for run in kept}) for key in ('precision', 'commit')}
    facts = f'{file["split"]}; {file["schedule"]}; {file["augmentation"]}; {" and ".join(made["precision"]) or "–"}; ' \
            f'commit {" and ".join(map(_short, made["commit"])) or "–"}.'
    for key, values in made.items():
        if len(values) > 1:
            which = '; '.join(f'{_short(v)}: ' + ', '.join(dict.fromkeys(
                run['method'] for run in kept if str(run.get(key)) == v)) for v in values)
            notes.append(f'Mixed {key}s ({which}).')
    beside = ['| method | ours | seeds | published | difference | its source and split |',
              '|---|---:|---|---:|---:|---|', *rows, ''] if rows else []
    parts = [f'### {file["title"]}', '', _wrap(facts), '', *beside, *_groups(file['runs']), '', _wrap(' '.join(notes))]
    return '\n'.join(parts).rstrip() + '\n\n'


def _short(commit):
    return commit[:10] + '-dirty' * commit.endswith('-dirty')


def _wrap(text):
    return fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _groups(runs):
    """Lines: each method's accuracies by group, over its seeds."""
    rows = {}
    for run in runs:
        if run['status'] == 'done':
            rows.setdefault(run['method'], []).append(run['metrics'])
    return results_table(rows).splitlines() if rows else ['No run is finished.']


def _row(method, runs, paper):
    done = [run['metrics']['lt/top1'] for run in runs if run['status'] == 'done']
    seeds = ', '.join(str(run['seed']) for run in runs if run['status'] == 'done') or '–'
    spread = f' ± {statistics.stdev(done):.2f}' if len(done) > 1 else ''
    ours = f'{statistics.fmean(done):.2f}{spread}' if done else \
        ('failed' if any(run['status'] == 'failed' for run in runs) else 'unfinished')
    other, text = paper['top1'][method], '–'
    if done:
        difference = statistics.fmean(done) - other
        text = f'**{difference:+.2f}**' if abs(difference) > MARGIN else f'{difference:+.2f}'
    return f'| {method} | {ours} | {seeds} | {other:.2f} | {text} | {paper["source"]}; {paper["split"]} |'


def collect(folder, reader, commit, reason):
    """The ``runs`` of a sweep's folder, each with its second stages.

    Args:
        folder (str): OUT of the sweep, with ``<method>/seed_<s>`` in it.
        reader (callable): folder of a run -> its result, None if it is not finished.
        commit (str): of the code that trained, where a run does not say.
        reason (callable): folder of an unfinished run -> why it failed, None if it may go on.
    """
    runs = []
    for place in sorted(Path(folder).glob('*/seed_*')):
        if not place.name.removeprefix('seed_').isdigit():
            continue  # put aside by the sweep
        record = place / 'run.json'
        said = json.loads(record.read_text()).get('commit') if record.is_file() else None
        run = dict(method=place.parent.name, seed=int(place.name.removeprefix('seed_')), commit=said or commit)
        result = reader(place)
        if result:
            run.update(status='done', precision='bfloat16' if result['amp'] else 'float32',
                       metrics={key: round(float(value), 4) for key, value in result['metrics'].items()})
        else:
            why = reason(place)
            run.update(status='failed' if why else 'unfinished', reason=why or 'it may go on')
        runs += [run, *_second_stages(place / 'refit/results.json', run, commit)]
    return runs


def _second_stages(file, run, commit):
    """What ``mmlt refit`` left in the folder of a run, as runs of '<method> + <second stage>'."""
    stages = json.loads(file.read_text()) if file.is_file() else {}
    return [dict(run, method=f'{run["method"]} + {name}', commit=commit,
                 metrics={f'lt/{key}': round(float(numbers[key]), 4) for key in KEYS if key in numbers})
            for name, numbers in stages.items() if name != 'joint']

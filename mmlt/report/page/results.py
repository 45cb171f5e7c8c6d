"""Files of numbers without work dirs: results.csv of a sweep, the json of benchmarks/results.py."""
import csv
import json

# a row of the sweep's table: a name, how many seeds, and numbers
KEYS = {'config', 'seeds', 'mean_class'}


def read_results(path):
    """[(method, seed or None, metrics)] of a file, None if it is no such file.

    A sweep's table holds means over its seeds; the json holds every seed. Failed and unfinished runs are left out.

    Raises:
        ValueError: a file of results in which no run is done.
    """
    if path.suffix == '.json':
        found = _of_json(path)
    elif path.suffix == '.csv':
        found = _of_csv(path)
    else:
        return None
    if found == []:
        raise ValueError(f'{path}: none of its runs is done')
    return found


def _of_json(path):
    try:
        content = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is no JSON: {error}') from None
    runs = content.get('runs') if isinstance(content, dict) else None
    if not isinstance(runs, list) or not all(isinstance(run, dict) and 'method' in run for run in runs):
        raise ValueError(f'{path}: give {{"runs": [{{"method": .., "seed": .., "status": "done", "metrics": {{..}}}}, '
                         '..]}, as benchmarks/results.py collect writes')
    return [(str(run['method']), run.get('seed'), run['metrics']) for run in runs
            if run.get('status', 'done') == 'done' and isinstance(run.get('metrics'), dict)]


def _of_csv(path):
    with open(path, newline='') as file:
        rows = csv.DictReader(file)
        if not set(rows.fieldnames or ()) >= KEYS:
            return None
        return [(row['config'], None, {key: float(row[key]) for key in row if key not in ('config', 'seeds', 'of')
                                       and not key.endswith('_sd') and _is_number(row[key])})
                for row in rows if row['mean_class']]


def _is_number(text):
    try:
        return bool(text) and float(text) is not None
    except (TypeError, ValueError):
        return False

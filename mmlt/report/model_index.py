"""model-index.yml and a metafile.yml for each method, which ``mim search mmlt`` reads; setup.py puts them into the
wheel. The standard library alone: nothing else is installed where a wheel is built."""
import json

DATA = {'mini pack': 'CIFAR-10-LT, 2,516 images'}  # as docs/results.md calls it


def write_index(folder, tasks, results):
    """Write FOLDER/model-index.yml and FOLDER/metafiles/<task>/<method>.yml. YAML holds JSON, so strings are quoted so.

    Args:
        folder (Path): with configs/ in it, as mmlt/.mim.
        tasks (dict): {'' or det or seg: {name: method}}, methods with ``name``, ``text``, ``paper``, ``family`` and
            ``cost``.
        results (dict): {method of classification: {data: mean-class accuracy in percent, '61.13 ± 0.65'}}.
    """
    files = []
    for task, methods in tasks.items():
        for method in methods.values():
            file = folder / 'metafiles' / task / f'{method.name}.yml'
            file.parent.mkdir(parents=True, exist_ok=True)
            pairs = sorted((folder / 'configs/lt').glob(f'{method.name}_*.py')) if not task else []
            file.write_text(_metafile(method, task, pairs, {} if task else results.get(method.name, {})))
            files.append(file.relative_to(folder).as_posix())
    (folder / 'model-index.yml').write_text('\n'.join(['Import:', *(f'  - {file}' for file in files), '']))


def _metafile(method, task, pairs, results):
    name = '/'.join(filter(None, (task, method.name)))
    lines = ['Collections:', f'  - Name: {_text(name)}', '    Metadata:', f'      Family: {_text(method.family)}',
             f'      Cost: {_text(method.cost)}', f'      Description: {_text(method.text)}']
    if method.paper:
        url = method.paper.replace('arXiv:', 'https://arxiv.org/abs/')  # one text: mim shows no mapping
        lines.append(f'    Paper: {_text(url)}')
    lines += ['', 'Models:', *_model(name, name, f'configs/{task + "/" if task else ""}methods/{method.name}.py')]
    for i, (data, result) in enumerate(results.items()):
        value, _, spread = result.partition(' ± ')
        lines += ['    Results:'] if i == 0 else []
        lines += ['      - Task: Image Classification', f'        Dataset: {_text(DATA.get(data, data))}',
                  '        Metrics:', f'          Mean Class Accuracy: {value}']
        if spread:
            lines.append(f'          Standard Deviation over Seeds: {spread}')
    for path in pairs:
        lines += _model(path.stem, name, f'configs/lt/{path.name}', path.stem.removeprefix(f'{method.name}_'))
    return '\n'.join([*lines, ''])


def _model(name, collection, config, data=None):
    return [f'  - Name: {_text(name)}', f'    In Collection: {_text(collection)}', f'    Config: {_text(config)}',
            *(['    Metadata:', f'      Training Data: {_text(data)}'] if data else [])]


def _text(value):
    return json.dumps(value, ensure_ascii=False)

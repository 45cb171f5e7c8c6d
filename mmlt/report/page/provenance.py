"""How the runs were made: what their configs differ in, and where and on what they ran."""
import json

OWN = ('work_dir', 'visualizer', 'randomness', 'launcher')


def flat(value, prefix=''):
    """Nested dicts and lists of dicts -> {dotted key: text}."""
    if isinstance(value, dict) and value:
        return {k: v for key, part in value.items() for k, v in flat(part, f'{prefix}{key}.').items()}
    if isinstance(value, (list, tuple)) and any(isinstance(part, dict) for part in value):
        return {k: v for i, part in enumerate(value) for k, v in flat(part, f'{prefix}{i}.').items()}
    return {prefix[:-1]: value if isinstance(value, str) else json.dumps(value, default=repr)}


def config_difference(methods):
    """[(key, [text or None for each method])] of the keys in which the configs differ."""
    configs = [flat({k: v for k, v in m.first.config.items() if k not in OWN}) for m in methods]
    keys = list(dict.fromkeys(key for cfg in configs for key in cfg))
    rows = [(key, [cfg.get(key) for cfg in configs]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def facts(methods):
    """[(what, [text for each method])]: seeds, commit, versions, machine, data."""
    rows = {}
    for i, method in enumerate(methods):
        record = method.first.record
        found = {'seeds': ', '.join(str(run.seed) for run in method.runs if run.seed is not None),
                 'folder': '/'.join(method.first.folder.parts[-2:]) if method.first.folder else 'file of predictions',
                 'command': record.get('command'), 'started': record.get('started'), 'commit': record.get('commit'),
                 'machine': record.get('machine'),
                 'versions': ', '.join(f'{k} {v}' for k, v in (record.get('versions') or {}).items())}
        for name, data in (record.get('data') or {}).items():
            if data:
                digest = data['labels_sha256'][:16]
                found[f'{name} data'] = f'{data["images"]:,} images, SHA-256 of their labels {digest}'
        for key, value in found.items():
            rows.setdefault(key, [''] * len(methods))[i] = str(value or '')
    return [(key, values) for key, values in rows.items() if any(values)]

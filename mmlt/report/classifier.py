"""A trained classifier against the class counts.  C classes, D feature width."""
import ast
import csv
import json
import re

import numpy as np
import torch

from ..core.counts import as_counts, shot_groups

PATHS = ('head.fc', 'head.layers.head', 'head.head', 'head', 'fc', 'classifier', 'linear')
COSINE = {'CosineLinear', 'CausalLinear', 'NormedLinear', 'NormedConv2d', 'NormProduct', 'ArcFaceClsHead'}
LABELS = {'norm': 'weight norm', 'nearest': 'cosine with the nearest class', 'bias': 'bias', 'accuracy': 'accuracy (%)'}
MAX_NAMED = 60  # classes with a line each
COLORS = {'many': '#3b6fb6', 'medium': '#e0a030', 'few': '#d9534f'}


def find_classifier(checkpoint, path=None, num_classes=None):
    """Weight and bias of the classifier in a checkpoint of MMEngine or a plain state dict.

    Args:
        checkpoint (dict): what ``torch.load`` gives.
        path (str, optional): module path of the classifier; else the first of the usual ones that is there.
        num_classes (int, optional): C; a (D, C) weight, as LDAM-style code saves it, is turned.

    Returns:
        tuple: its path, weight (C, D) and bias (C,) or None, as float64 tensors.

    Raises:
        ValueError: no classifier at the path, or one of another number of classes.
    """
    state = {name.removeprefix('module.'): value for name, value in checkpoint.get('state_dict', checkpoint).items()}
    found = next((p for p in ([path] if path else PATHS) if f'{p}.weight' in state), None)
    if found is None:
        names = [name[:-7] for name, value in state.items() if name.endswith('.weight') and value.ndim == 2]
        raise ValueError(f'the checkpoint has no classifier at {path or " or ".join(PATHS)}; give its path, one of '
                         f'{names[-8:] or "the modules with a 2-d weight (this checkpoint has none)"}')
    weight, bias = state[f'{found}.weight'].double(), state.get(f'{found}.bias')
    if weight.ndim < 2:
        raise ValueError(f'{found}.weight has shape {tuple(weight.shape)}, expected (C, D); give another path')
    weight = weight.flatten(1)
    if num_classes is not None and num_classes not in weight.shape:
        raise ValueError(f'{found} has a weight of shape {tuple(weight.shape)}, but there are {num_classes} class '
                         'counts; pass the counts of the training set of this checkpoint')
    if num_classes is not None and len(weight) != num_classes:
        weight = weight.T
    return found, weight, None if bias is None else bias.double()


def stored_counts(checkpoint):
    """Training counts (C,) of a checkpoint's ``meta['class_counts']`` or of the buffer of a loss or layer, or None."""
    counts = checkpoint.get('meta', {}).get('class_counts')
    buffers = [value for name, value in checkpoint.get('state_dict', checkpoint).items()
               if name.split('.')[-1] == 'class_counts' and value.numel()]
    return counts if counts is not None else buffers[0] if buffers else None


def is_cosine(checkpoint):
    """Whether the model's config in the checkpoint has a classifier that divides the weights by their norms."""
    tree = ast.parse(checkpoint.get('meta', {}).get('cfg') or '')
    models = [node.value for node in tree.body if isinstance(node, ast.Assign)
              and getattr(node.targets[0], 'id', None) == 'model']
    words = {node.value for model in models for node in ast.walk(model) if isinstance(node, ast.Constant)}
    return any(name in words for name in COSINE)


def class_names(checkpoint):
    """Names of the classes (C,) that MMEngine stored with the checkpoint, or None."""
    return checkpoint.get('meta', {}).get('dataset_meta', {}).get('classes')


def read_accuracy(path, num_classes):
    """Accuracies in percent (C,), NaN where missing: a json list, the json of a test with ``per_class=True``, or a csv
    with the columns ``class`` and ``accuracy``."""
    accuracy = np.full(num_classes, np.nan)
    with open(path) as f:
        if str(path).endswith('.csv'):
            values = {int(row['class']): float(row['accuracy'] or 'nan') for row in csv.DictReader(f)}
        else:
            values = json.load(f)
            if isinstance(values, dict):
                values = {int(m[1]): v for k, v in values.items() if (m := re.fullmatch(r'(?:.*/)?class_(\d+)', k))}
            else:
                values = dict(enumerate(values))
    if not values or max(values) >= num_classes:
        raise ValueError(f'{path} holds accuracies of {max(values, default=-1) + 1} classes, expected {num_classes}; '
                         'write it by a test with LongTailMetric(per_class=True)')
    accuracy[list(values)] = list(values.values())
    return accuracy


def classifier_table(weight, bias, counts, accuracy=None, many=100, few=20, names=None, cosine=False):
    """Columns by name, each (C,): class, name (where given), count, group, norm and, where given, bias and accuracy.

    With ``cosine`` the norms of the weights do nothing; in their place stands, as ``nearest``, the largest cosine of a
    class's weight with that of another class.
    """
    counts = as_counts(counts, len(weight), allow_empty=True).cpu()
    if names is not None and len(names) != len(weight):
        raise ValueError(f'{len(names)} class names for {len(weight)} classes')
    groups = shot_groups(counts, many, few)
    table = {'class': np.arange(len(weight))}
    if names is not None:
        table['name'] = np.asarray(names, dtype=str)
    table['count'] = counts.long().numpy()
    table['group'] = np.select([mask.numpy() for mask in groups.values()], list(groups), '')
    weight = torch.as_tensor(weight).double()
    if cosine:
        unit = torch.nn.functional.normalize(weight, dim=1)
        table['nearest'] = (unit @ unit.T).fill_diagonal_(-1).max(1).values.numpy()
    else:
        table['norm'] = weight.norm(dim=1).numpy()
    if bias is not None:
        table['bias'] = torch.as_tensor(bias).double().numpy()
    if accuracy is not None:
        table['accuracy'] = np.asarray(accuracy, np.float64)
    return table


def log_count_correlation(table, column):
    """Pearson correlation of a column with log count, over classes that have both; NaN if either is constant."""
    x, y = table['count'], table[column]
    use = (x > 0) & np.isfinite(y)
    x, y = np.log(x[use]), y[use]
    return float(np.corrcoef(x, y)[0, 1]) if use.sum() > 1 and np.ptp(x) and np.ptp(y) else float('nan')


def write_csv(path, table):
    """Write the columns of :func:`classifier_table`."""
    with open(path, 'w', newline='') as f:
        writer = csv.writer(f)
        writer.writerow(table)
        writer.writerows(zip(*(column.tolist() for column in table.values())))


def plot_classifier(path, table, title=None):
    """Norm, bias and accuracy against the training count, as one PNG: a named line a class, the largest on top, or for
    more than 60 classes, or without names, a scatter."""
    from matplotlib.figure import Figure

    keys = [key for key in LABELS if key in table]
    named = 'name' in table and len(table['name']) <= MAX_NAMED
    height = 1.3 + .165 * len(table['count']) if named else 3.8
    figure = Figure(figsize=(3.2 * len(keys) + 2.2 if named else 4.2 * len(keys), height), layout='constrained',
                    facecolor='white')
    axes = figure.subplots(1, len(keys), squeeze=False, sharey=named)[0]
    order = np.argsort(-table['count'], kind='stable')
    for axis, key in zip(axes, keys):
        for group, color in COLORS.items():
            use = table['group'][order] == group
            if use.any():
                x, y = table['count'][order][use], table[key][order][use]
                if named:
                    x, y = y, np.flatnonzero(use)
                axis.scatter(x, y, s=18, color=color, alpha=.85, linewidth=0, label=group)
        axis.set_title(f'correlation with log count: {log_count_correlation(table, key):.2f}', fontsize=9)
        axis.spines[['top', 'right']].set_visible(False)
        axis.grid(alpha=.25)
        if named:
            axis.set(xlabel=LABELS[key])
        else:
            _count_axis(axis, table['count'])
            axis.set(ylabel=LABELS[key])
    if named:
        axes[0].set(ylim=(len(order) - .4, -.6))
        axes[0].set_yticks(range(len(order)), [f"{table['name'][i]}  {table['count'][i]:,}" for i in order], fontsize=7)
    figure.legend(*axes[0].get_legend_handles_labels(), loc='outside lower center', ncols=3, fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=140)


def _count_axis(axis, counts):
    """A logarithmic axis that shows a count of 0, with about five round counts on it."""
    axis.set_xscale('symlog', linthresh=1)
    low, high = max(counts.min(), 1), max(counts.max(), 1)
    ticks = [step * 10 ** power for power in range(8) for step in (1, 2, 5)]
    ticks = [tick for tick in ticks if low / 1.5 <= tick <= high * 1.5]
    ticks = ([0] if counts.min() == 0 else []) + ticks[::-(-len(ticks) // 7)]
    axis.set_xticks(ticks, [f'{tick:,}' for tick in ticks])
    axis.minorticks_off()
    axis.set_xlim(-.2 if counts.min() == 0 else low / 1.3, high * 1.3)
    axis.set_xlabel('training images of the class')

"""A trained classifier against the class counts.  C classes, D feature width."""
import csv
import json
import re

import numpy as np
import torch

from mmlt.core.counts import as_counts, shot_groups

PATHS = ('head.fc', 'head.layers.head', 'head.head', 'head', 'fc', 'classifier', 'linear')
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


def classifier_table(weight, bias, counts, accuracy=None, many=100, few=20):
    """Columns by name, each (C,): class, count, group, norm and, where given, bias and accuracy."""
    counts = as_counts(counts, len(weight), allow_empty=True).cpu()
    groups = shot_groups(counts, many, few)
    table = {'class': np.arange(len(weight)), 'count': counts.long().numpy(),
             'group': np.select([mask.numpy() for mask in groups.values()], list(groups), ''),
             'norm': torch.as_tensor(weight).double().norm(dim=1).numpy()}
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
    """Scatter norm, bias and accuracy against the training count, as one PNG."""
    from matplotlib.figure import Figure

    panels = [(key, label) for key, label in (('norm', 'weight norm'), ('bias', 'bias'), ('accuracy', 'accuracy (%)'))
              if key in table]
    figure = Figure(figsize=(4.2 * len(panels), 3.6), layout='constrained', facecolor='white')
    for axis, (key, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        for group, color in COLORS.items():
            use = table['group'] == group
            if use.any():
                axis.scatter(table['count'][use], table[key][use], s=18, color=color, alpha=.75, linewidth=0,
                             label=group)
        axis.set_xscale('symlog', linthresh=1)  # shows a count of 0
        axis.set(xlabel='training images of the class', ylabel=label)
        axis.set_title(f'correlation with log count: {log_count_correlation(table, key):.2f}', fontsize=10)
        axis.spines[['top', 'right']].set_visible(False)
        axis.grid(alpha=.25)
    axis.legend(fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=140)

"""Reliability diagrams.  N samples."""
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..core.calibration import ece, reliability_bins

ACCURACY, OVER, UNDER, INK = '#3b6fb6', '#d9534f', '#3f8f50', '#333333'
GAPS = {'overconfident': dict(facecolor='#fbe9e8', edgecolor=OVER, hatch='////'),
        'underconfident': dict(facecolor='#bcd2ea', edgecolor=UNDER, hatch='\\\\\\\\')}


def reliability_diagram(path, confidence, correct, bins=15, splits=None, title=None):
    """Draw accuracy against confidence, the gap of each bin and the number of samples, as one PNG.

    Args:
        path: PNG to write.
        confidence: (N,) probability of the predicted class.
        correct: (N,) whether the prediction is right.
        bins (int): number of bins, each open to the left.
        splits (dict, optional): name -> mask (N,), one further panel each, for example samples of many-, medium- and
            few-shot classes. A split without samples gets none.
        title (str, optional): heading.

    Returns:
        dict[str, float]: the ECE of each panel in percent.
    """
    confidence, correct = np.asarray(confidence), np.asarray(correct)
    masks = {'all': np.ones(len(confidence), bool)}
    masks.update((name, np.asarray(mask, bool)) for name, mask in (splits or {}).items() if np.any(mask))
    figure = Figure(figsize=(.4 + 3.3 * len(masks), 4.8), layout='constrained', facecolor='white')
    axes = figure.subplots(2, len(masks), sharex=True, sharey='row', squeeze=False, height_ratios=(4, 1))
    errors = {}
    for i, (name, mask) in enumerate(masks.items()):
        errors[name] = 100 * ece(confidence[mask], correct[mask], bins)
        _panel(*axes[:, i], confidence[mask], correct[mask], bins)
        axes[0, i].set_title(f'{name} ({mask.sum():,}): ECE {errors[name]:.1f} %', fontsize=11, color=INK)
    axes[0, 0].set_ylabel('accuracy')
    axes[1, 0].set_ylabel('samples (%)')
    figure.legend(handles=_legend(), loc='outside lower center', ncols=5 if len(masks) > 1 else 2, fontsize=8,
                  frameon=False)
    if title:
        figure.suptitle(title, fontsize=12, color=INK)
    figure.savefig(path, dpi=140)
    return errors


def _legend():
    return [Patch(color=ACCURACY, label='accuracy'), *(Patch(label=name, **style) for name, style in GAPS.items()),
            Line2D([], [], color=ACCURACY, label='mean accuracy'), Line2D([], [], color=OVER, label='mean confidence')]


def _panel(upper, lower, confidence, correct, bins):
    count, mean_confidence, accuracy = reliability_bins(confidence, correct, bins)
    used = count > 0
    left = (np.arange(bins) / bins)[used]
    accuracy, gap = accuracy[used], (mean_confidence - accuracy)[used]
    bar = dict(width=1 / bins, align='edge', linewidth=.8)
    upper.bar(left, accuracy, color=ACCURACY, edgecolor='white', label='accuracy', **bar)
    for side, (label, style) in zip((gap > 0, gap < 0), GAPS.items()):
        upper.bar(left[side], np.abs(gap[side]), bottom=np.minimum(accuracy, accuracy + gap)[side], label=label,
                  **style, **bar)
    upper.plot([0, 1], [0, 1], '--', color=INK, linewidth=1)
    upper.set(xlim=(0, 1), ylim=(0, 1))
    lower.bar(left, 100 * count[used] / count.sum(), color='#a9b4c2', edgecolor='white', **bar)
    lower.axvline(correct.mean(), color=ACCURACY, linewidth=1.4)
    lower.axvline(confidence.mean(), color=OVER, linewidth=1.4)
    lower.set_xlabel('confidence')
    for axis in (upper, lower):
        axis.spines[['top', 'right']].set_visible(False)
        axis.tick_params(labelsize=8, colors=INK)

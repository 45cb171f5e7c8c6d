"""What a refit leaves for the report: predictions, and reliability diagrams."""
import numpy as np
import torch

from ..core.counts import shot_groups
from ..engine.hooks.record import save_predictions


@torch.no_grad()
def dump_predictions(file, layer, test, counts, settings, classes=()):
    """For the report page; ``classes`` are the names (C,), if any."""
    parts = []
    for x, labels in test.chunks():
        scores = layer(x).softmax(1)
        parts.append((labels, *scores.topk(min(5, scores.shape[1]))[::-1], scores.gather(1, labels[:, None])[:, 0]))
    label, top, score, own = (torch.cat(column).cpu().numpy() for column in zip(*parts))
    save_predictions(file, label, top, score, own, class_counts=counts.numpy(), many=settings.get('many', 100),
                     few=settings.get('few', 20), classes=np.array(classes, str))


@torch.no_grad()
def draw_reliability(file, title, layer, test, counts, settings):
    """The diagram of one classifier, with a panel a group."""
    from .reliability import reliability_diagram

    confidence, predicted = (torch.cat(part).cpu() for part in zip(*(layer(x).softmax(1).max(1)
                                                                     for x, _ in test.chunks())))
    labels, settings = test.y.cpu(), dict(settings)
    bins = settings.pop('bins', 15)
    splits = {name: mask[labels].numpy() for name, mask in shot_groups(counts, **settings).items()}
    reliability_diagram(file, confidence.numpy(), (predicted == labels).numpy(), bins, splits, title)

"""Long-tailed digits in plain PyTorch, no OpenMMLab: pip install scikit-learn -e . && python docs/plain_torch.py

Sampling, a loss, a cosine classifier, deferred re-sampling by stages, the metric, and a second stage.
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mmlt import swap_classifier
from mmlt.core.accuracy import LongTailAccuracy
from mmlt.core.losses import BalancedSoftmaxLoss
from mmlt.core.refit import METHODS, Recipe, as_split, linear
from mmlt.data import ClassBalancedSampler, PowerSampler, StagedSampler, class_counts
from mmlt.data.longtail import long_tail_indices

digits = load_digits()
images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
train = torch.tensor(long_tail_indices(labels, 10, imbalance=50, n_max=120))
test = torch.tensor(sorted({*range(len(labels))} - {*train.tolist()}))
dataset = TensorDataset(images[train], labels[train])
counts = class_counts(dataset)


@torch.no_grad()
def show(name, model):
    accuracy, scores = LongTailAccuracy(10), model(images[test]).softmax(1)
    accuracy.update(labels[test], scores.argmax(1), scores.amax(1))
    result, rarest = accuracy.compute(counts, many=60, few=12), accuracy.class_accuracy[-3:].mean()
    print(f'{name:30} mean {result["mean_class"]:.1f} %, ECE {result["ece"]:.1f} %, the three rarest '
          f'{100 * rarest:.1f} %')


def run(name, sampler, criterion, cosine=False):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    if cosine:
        swap_classifier(model, 'CosineLinear', scale=10)  # finds the last linear layer
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    for epoch in range(20):
        sampler.set_epoch(epoch)
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
    show(name, model)
    return model


natural, balanced = PowerSampler(dataset, q=1, seed=0), ClassBalancedSampler(dataset, seed=0)
deferred = StagedSampler(dataset, [dict(begin=0, sampler=natural), dict(begin=16, sampler=balanced)], seed=0)
model = run('cross entropy', natural, nn.CrossEntropyLoss())
run('class-balanced sampling', balanced, nn.CrossEntropyLoss())
run('deferred re-sampling', deferred, nn.CrossEntropyLoss())
run('balanced softmax, cosine', natural, BalancedSoftmaxLoss(class_counts=counts), cosine=True)

# a second stage on the features of the first
features = model[:2](images[train]).detach()
joint = linear(model[2].weight.detach(), model[2].bias.detach())
second = METHODS['crt'].fit(as_split(features, labels[train], 10), joint, Recipe(epochs=50))
show('cRT on the features of the first', nn.Sequential(*model[:2], second))

"""Long-tailed digits in plain PyTorch, no OpenMMLab: pip install scikit-learn -e . && python docs/plain_torch.py"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mmlt import swap_classifier
from mmlt.core.losses import BalancedSoftmaxLoss
from mmlt.data import ClassBalancedSampler, PowerSampler, class_counts
from mmlt.data.longtail import long_tail_indices

digits = load_digits()
images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
train = torch.tensor(long_tail_indices(labels, 10, imbalance=50, n_max=120))
test = torch.tensor(sorted({*range(len(labels))} - {*train.tolist()}))
dataset = TensorDataset(images[train], labels[train])


def run(name, sampler, criterion, cosine=False):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    if cosine:
        swap_classifier(model, 'CosineLinear', '2', scale=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    for epoch in range(20):
        sampler.set_epoch(epoch)
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
    hits = (model(images[test]).argmax(1) == labels[test]).float()
    accuracy = torch.stack([hits[labels[test] == c].mean() for c in range(10)])
    print(f'{name:30} mean {100 * accuracy.mean():.1f} %, the three rarest {100 * accuracy[-3:].mean():.1f} %')


natural, balanced = PowerSampler(dataset, q=1, seed=0), ClassBalancedSampler(dataset, seed=0)
run('cross entropy', natural, nn.CrossEntropyLoss())
run('class-balanced sampling', balanced, nn.CrossEntropyLoss())
run('balanced softmax, cosine', natural, BalancedSoftmaxLoss(class_counts=class_counts(dataset)), cosine=True)

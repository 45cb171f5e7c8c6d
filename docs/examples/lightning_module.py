"""Lightning with a class-wise sampler and loss: pip install lightning scikit-learn"""
import lightning
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from mmlt.core.losses import BalancedSoftmaxLoss
from mmlt.data import PowerSampler, class_counts
from mmlt.data.longtail import long_tail_indices

digits = load_digits()
images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
train = long_tail_indices(labels, 10, imbalance=50, n_max=120)


class Module(lightning.LightningModule):
    def __init__(self, counts):
        super().__init__()
        self.model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
        self.criterion = BalancedSoftmaxLoss(class_counts=counts)  # its counts travel in the checkpoint

    def training_step(self, batch, _):
        return self.criterion(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


dataset = TensorDataset(images[train], labels[train])
loader = DataLoader(dataset, batch_size=32, sampler=PowerSampler(labels[train], q=1, seed=0))  # its epoch is set
module = Module(class_counts(labels[train], 10))
trainer = lightning.Trainer(max_epochs=20, accelerator='cpu', logger=False, enable_checkpointing=False,
                            enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False)
trainer.fit(module, loader)
hits = (module.model(images).argmax(1) == labels).float()
print(f'mean {100 * torch.stack([hits[labels == c].mean() for c in range(10)]).mean():.1f} %')

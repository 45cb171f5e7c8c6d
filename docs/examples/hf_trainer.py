"""HuggingFace Trainer with a class-wise sampler and loss: pip install transformers accelerate scikit-learn"""
import torch
from sklearn.datasets import load_digits
from transformers import Trainer, TrainingArguments

from mmlt.core.losses import BalancedSoftmaxLoss
from mmlt.data import SquareRootSampler, class_counts
from mmlt.data.longtail import long_tail_indices

digits = load_digits()
images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
train = long_tail_indices(labels, 10, imbalance=50, n_max=120)
dataset = [dict(x=images[i], labels=labels[i]) for i in train]


class LongTailTrainer(Trainer):
    # the sampler does one half of the balancing, the loss the other
    criterion = BalancedSoftmaxLoss(class_counts=class_counts(labels[train], 10) ** .5)

    def _get_train_sampler(self, *_):
        return SquareRootSampler(labels[train], seed=0)

    def compute_loss(self, model, inputs, return_outputs=False, **_):
        logits = model(inputs['x'])
        loss = self.criterion(logits, inputs['labels'])
        return (loss, dict(logits=logits)) if return_outputs else loss


model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
args = TrainingArguments('work_dirs/hf', num_train_epochs=10, per_device_train_batch_size=32, learning_rate=1e-2,
                         report_to=[], remove_unused_columns=False, save_strategy='no', use_cpu=True)
LongTailTrainer(model, args, train_dataset=dataset).train()
hits = (model(images).argmax(1) == labels).float()
print(f'mean {100 * torch.stack([hits[labels == c].mean() for c in range(10)]).mean():.1f} %')

"""One rank that records predictions; in a module of its own, so that spawned processes can import it."""
from types import SimpleNamespace

import torch
from metric_ranks import predictions, samples_of
from mmengine.dataset import DefaultSampler
from torch import distributed

from mmlt.engine.hooks import RecordHook
from mmlt.engine.metric import LongTailMetric

NUM, COUNTS = 11, [500, 101, 100, 20, 19, 0]


def record(path, batch=3):
    """Write the predictions of this rank's part, and with it those of all."""
    samples, hook = samples_of(*predictions(NUM)), RecordHook(path)
    dataset = torch.utils.data.TensorDataset(torch.zeros(NUM))
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset),
                           evaluator=SimpleNamespace(metrics=[LongTailMetric(class_counts=COUNTS)]))
    runner = SimpleNamespace(val_loop=loop, work_dir='.')
    hook.before_val_epoch(runner)
    index = list(DefaultSampler(samples, shuffle=False))
    for i in range(0, len(index), batch):
        hook.after_val_iter(runner, i, None, [samples[k] for k in index[i:i + batch]])
    hook.after_val_epoch(runner)


def worker(rank, folder):
    distributed.init_process_group('gloo')
    record(folder / 'two.npz')

"""One rank of a short training on views; in a module of its own, so that spawned processes can import it."""

import multi_view
import torch

from mmlt.engine.cli import distribute_on_cpu


def worker(rank, folder, model, settings):
    run = multi_view.runner(folder, model, epochs=2, prepare=distribute_on_cpu, launcher='pytorch', **settings)
    run.train()
    torch.save(run.model.module.state_dict(), f'{folder}/rank{rank}.pt')

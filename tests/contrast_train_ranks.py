"""One rank of a short training on views; in a module of its own, so that spawned processes can import it."""
import os

import multi_view
import torch

from mmlt.engine.cli import distribute_on_cpu


def worker(rank, port, folder, model, settings):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2', MASTER_ADDR='127.0.0.1',
                      MASTER_PORT=str(port))
    torch.set_num_threads(1)
    run = multi_view.runner(folder, model, epochs=2, prepare=distribute_on_cpu, launcher='pytorch', **settings)
    run.train()
    torch.save(run.model.module.state_dict(), f'{folder}/rank{rank}.pt')
    torch.distributed.destroy_process_group()

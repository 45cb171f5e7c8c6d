"""Processes of a test that talk to each other over gloo."""
import os
import socket

import torch
from torch import distributed, multiprocessing


def spawn(worker, *args, world=2):
    """Run ``worker(rank, *args)`` in ``world`` processes of one thread, whose environment is that of ``torchrun``."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
    multiprocessing.spawn(run, (world, port, worker, args), world)


def run(rank, world, port, worker, args):
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR='127.0.0.1',
                      MASTER_PORT=str(port))
    worker(rank, *args)
    distributed.barrier()  # none leaves while another still talks to it
    os._exit(0)  # the interpreter's end can abort while gloo's threads live: github.com/pytorch/pytorch/pull/179291

"""One rank of a tiny training run; in a module of its own, so that spawned processes can import it."""
import tiny
import torch

from mmlt.engine.cli import distribute_on_cpu

STAGES = [
    dict(begin=1, sampler=dict(type='ClassBalancedSampler'), loss=dict(type='CrossEntropyLoss'), cam=dict()),
    dict(begin=2, freeze=['backbone'], reinit=['head.fc']),
]


def worker(rank, folder, resume, settings):
    cfg = tiny.config(folder, epochs=4, launcher='pytorch', **(settings or dict(stages=STAGES)))
    distribute_on_cpu(cfg)
    if resume:
        cfg.resume, cfg.load_from = True, resume
    cfg.experiment_name = f'rank{rank}'
    run = tiny.Runner.from_cfg(cfg)
    run.train()
    state = {k: v.clone() for k, v in run.model.module.state_dict().items()}
    torch.save(dict(state=state, drawn=list(run.train_dataloader.batch_sampler.sampler),
                    top1=run.message_hub.get_scalar('val/lt/top1').current()), f'{folder}/rank{rank}.pt')

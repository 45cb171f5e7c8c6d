"""A training whose weights, gradients and optimizer state are sharded over the ranks (PyTorch's FSDP2).

Zhao et al., PyTorch FSDP, VLDB 2023, arXiv:2304.11277.
"""
import torch
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.model import convert_sync_batchnorm
from mmengine.runner import Runner
from torch import nn

__all__ = ['ShardedRunner']

WRAPPERS = 'OptimWrapper', 'AmpOptimWrapper', 'CPUAmpOptimWrapper'
STAGES = 'freeze', 'bn', 'reinit', 'cam'
HOOKS = 'EMAHook', 'MaxNormHook', 'MetaWeightHook'


class ShardedRunner(Runner):
    """MMEngine's ``Runner`` with ``fully_shard`` in place of DDP: ``runner_type = 'ShardedRunner'``.

    The model is sharded when every hook's ``before_train`` is done: until then each rank holds it whole, as initialised
    or loaded. The blocks are what is gathered at a time. A checkpoint is a whole one, as without sharding: every
    tool reads it, and a run goes on from it on any number of ranks, sharded or not. One process alone trains as with
    ``Runner``.

    Raises:
        RuntimeError: PyTorch is older than 2.6.
        ValueError: what works on whole weights during training: ``EMAHook``, ``MaxNormHook``, ``MetaWeightHook``,
            stages with ``freeze``, ``bn``, ``reinit`` or ``cam``, other optimizer wrappers than the plain one and those
            of mixed precision.
    """

    sharded = False

    def wrap_model(self, model_wrapper_cfg, model):
        if not self.distributed:
            return super().wrap_model(model_wrapper_cfg, model)
        if self.cfg.get('sync_bn'):
            model = convert_sync_batchnorm(model, self.cfg.sync_bn)
        return model.to(get_device())

    def call_hook(self, fn_name, **kwargs):
        super().call_hook(fn_name, **kwargs)
        if fn_name == 'before_train' and self.distributed and not self.sharded:
            self._refuse()
            shard(self.model, self.optim_wrapper.optimizer)
            self.sharded = True

    def save_checkpoint(self, *args, save_optimizer=True, **kwargs):
        if not self.sharded or is_main_process():
            super().save_checkpoint(*args, save_optimizer=save_optimizer, **kwargs)
        else:  # gathering takes all ranks
            self.model.state_dict()
            if save_optimizer:
                self.optim_wrapper.state_dict()

    def _refuse(self):
        stages = [key for hook in self.hooks for stage in getattr(hook, 'stages', []) for key in STAGES if key in stage]
        hooks = [type(hook).__name__ for hook in self.hooks if type(hook).__name__ in HOOKS]
        wrapper = type(self.optim_wrapper).__name__
        found = [*(f'the stage key {key}' for key in stages), *hooks, *({wrapper} - {*WRAPPERS})]
        if found:
            raise ValueError(f'{found[0]} works on whole weights, and ShardedRunner (fsdp) shards them; train without '
                             'one of both')


def blocks(model):
    """The outermost modules that stand in a row with others of their class, as the blocks of a transformer."""
    for child in model.children():
        row = list(child.children()) if isinstance(child, (nn.ModuleList, nn.Sequential)) else []
        if len(row) > 1 and len({type(module) for module in row}) == 1:
            yield from (module for module in row if next(module.parameters(), None) is not None)
        else:
            yield from blocks(child)


def shard(model, optimizer):
    """Shard a model over all ranks, in place, and let its optimizer go on with the shards.

    From then on the state dicts of both hold whole tensors on rank 0, on the CPU, and None on the others; every rank
    has to ask for them.

    Raises:
        RuntimeError: PyTorch is older than 2.6.
    """
    try:
        from torch.distributed.fsdp import fully_shard
    except ImportError:
        raise RuntimeError(f'fsdp needs PyTorch 2.6 or newer, this is {torch.__version__}') from None
    from torch.distributed.tensor import DTensor, distribute_tensor

    mesh = torch.distributed.init_device_mesh(get_device(), (torch.distributed.get_world_size(), ))
    names = {id(p): name for name, p in model.named_parameters()}
    scalars = {name for name, p in model.named_parameters() if not p.ndim}
    for module in model.modules():  # fully_shard takes no scalars
        for key, p in module.named_parameters(recurse=False):
            if not p.ndim:
                setattr(module, key, nn.Parameter(p.detach()[None], p.requires_grad))
    for module in [*blocks(model), model]:
        fully_shard(module, mesh=mesh)

    parts, state = dict(model.named_parameters()), optimizer.state.copy()
    optimizer.state.clear()
    flat = []  # the name of each parameter, by the number that it has in the optimizer's state dict
    for group in optimizer.param_groups:
        flat += [names[id(whole)] for whole in group['params']]
        for whole in group['params']:
            if whole in state:
                part = parts[names[id(whole)]]
                optimizer.state[part] = {
                    key: distribute_tensor(value.view(part.shape), mesh, part.placements)
                    if key != 'step' and torch.is_tensor(value) and value.shape == whole.shape else value
                    for key, value in state[whole].items()}
        group['params'] = [parts[names[id(whole)]] for whole in group['params']]

    def gather(name, value):
        if not isinstance(value, DTensor):
            return value
        whole = value.full_tensor()
        whole = whole[0] if name in scalars else whole
        return whole.cpu() if is_main_process() else None

    def gather_model(module, state, prefix, meta):
        state.update({key: gather(key, value) for key, value in state.items()})

    def gather_optimizer(optimizer, state):
        return dict(state, state={i: {key: gather(flat[i], value) for key, value in part.items()}
                                  for i, part in state['state'].items()})

    model.register_state_dict_post_hook(gather_model)
    optimizer.register_state_dict_post_hook(gather_optimizer)

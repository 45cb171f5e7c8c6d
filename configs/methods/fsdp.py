# FSDP: weights, gradients and optimizer state sharded over the ranks of torchrun. Zhao et al., VLDB 2023,
# arXiv:2304.11277.
runner_type = 'ShardedRunner'

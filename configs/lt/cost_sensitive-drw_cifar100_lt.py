_base_ = 'ce_cifar100_lt.py'
# cross entropy, then from epoch 160 on weights n_min / n
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[dict(begin=160, loss=dict(type='CostSensitiveLoss'))]))

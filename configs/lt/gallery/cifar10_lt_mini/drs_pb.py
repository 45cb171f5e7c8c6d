_base_ = '../../ce_cifar10_lt_mini.py'
default_hooks = dict(
    stages=dict(
        type='StageSwitchHook',
        stages=[
            dict(
                begin=33,
                sampler=dict(
                    type='StagedSampler',
                    stages=[dict(begin=0, sampler=dict(type='ProgressivelyBalancedSampler', max_epochs=45))],
                ),
            )
        ],
    )
)

# Learnable weight scaling (LWS) of a trained model: one scale a class. Kang et al., ICLR 2020, arXiv:1910.09217.
_base_ = '../_base_/schedules/second_stage_10e.py'
model = dict(head=dict(classifier=dict(type='LWSLinear')))
default_hooks = dict(
    stages=dict(_delete_=True, type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'])]))

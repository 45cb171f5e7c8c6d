# Classifier re-training (cRT): the classifier anew, class-aware. Kang et al., ICLR 2020, arXiv:1910.09217.
_base_ = '../_base_/schedules/second_stage_10e.py'
_stage = dict(begin=0, freeze=['backbone'], reinit=['head.fc'])
default_hooks = dict(stages=dict(_delete_=True, type='StageSwitchHook', stages=[_stage]))

# Mixup; CAM-based sampling late in the run; at last neither of them: the best combination. Zhang et al., AAAI 2021.
_base_ = 'mixup-drs-ft.py'
_stages = [dict(begin=0.8, sampler=dict(type='ClassBalancedSampler'), cam=dict()),
           dict(begin=0.9, batch_augments=None, cam=None)]
default_hooks = dict(stages=dict(stages=_stages))

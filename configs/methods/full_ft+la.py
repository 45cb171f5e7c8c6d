# Everything trains, logit adjustment: what LIFT is compared with. Shi et al., ICML 2024, arXiv:2309.10019.
_base_ = 'lift.py'
model = dict(adapter='full')

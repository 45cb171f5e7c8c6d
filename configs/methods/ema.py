# A running average of the weights, which is tested and saved. Tarvainen and Valpola, NeurIPS 2017, arXiv:1703.01780.
custom_hooks = [dict(type='EMAHook', momentum=0.001, update_buffers=True)]

# GML taught by the run of gml_alone, not by a deeper network as published. Suh and Seo, ICML 2023, arXiv:2305.01160.
_base_ = './gml.py'
_run = 'work_dirs/gml_alone_{{data_name}}'
model = dict(teacher=dict(config=_run + '/gml_alone_{{data_name}}.py',
                          checkpoint=_run + '/epoch_{{train_cfg.max_epochs}}.pth'))

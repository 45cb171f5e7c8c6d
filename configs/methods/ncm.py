# Nearest class mean of a trained model: one pass over the training set. Kang et al., ICLR 2020, arXiv:1910.09217.
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
model = dict(head=dict(classifier=dict(type='NCMClassifier')))
train_dataloader = dict(dataset=dict(pipeline='{{test_dataloader.dataset.pipeline}}'))
train_cfg = dict(max_epochs=0)
param_scheduler = None
custom_hooks = [dict(type='FitClassifierHook')]

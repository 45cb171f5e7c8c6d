_base_ = 'ce_resnet50_imagenet_lt.py'
# nearest class mean (Kang et al., ICLR 2020): one pass over the training set, then evaluation
load_from = 'work_dirs/ce_resnet50_imagenet_lt/epoch_100.pth'
model = dict(head=dict(classifier=dict(type='NCMClassifier')))
train_dataloader = dict(dataset=dict(pipeline={{_base_.test_pipeline}}))
train_cfg = dict(max_epochs=0)
param_scheduler = None
custom_hooks = [dict(type='FitClassifierHook')]

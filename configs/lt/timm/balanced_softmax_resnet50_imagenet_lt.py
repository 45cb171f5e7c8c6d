_base_ = 'ce_resnet50_imagenet_lt.py'
# balanced softmax (Ren et al., NeurIPS 2020)
model = dict(head=dict(loss=dict(_delete_=True, type='BalancedSoftmaxLoss')))

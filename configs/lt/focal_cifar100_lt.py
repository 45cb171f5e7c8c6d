_base_ = 'ce_cifar100_lt.py'
# focal loss on the softmax (Lin et al., ICCV 2017)
model = dict(head=dict(loss=dict(_delete_=True, type='SoftmaxFocalLoss', gamma=2.0)))

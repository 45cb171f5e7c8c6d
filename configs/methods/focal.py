# Focal loss on the softmax. Lin et al., ICCV 2017, arXiv:1708.02002.
model = dict(head=dict(loss=dict(type='SoftmaxFocalLoss', gamma=2.0)))

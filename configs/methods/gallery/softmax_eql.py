# Softmax equalization loss. Tan et al., CVPR 2020, arXiv:2003.05176.
model = dict(head=dict(loss=dict(type='SoftmaxEqualizationLoss', gamma=0.9, threshold=0.05)))
_loss = 'model.head.loss'
tuned = {
    'cifar100_lt': {_loss: dict(threshold=0.005)},
    'cifar100_lt/50': {_loss: dict(threshold=0.006)},
}

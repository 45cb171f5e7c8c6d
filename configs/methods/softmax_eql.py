# Softmax equalization loss. Tan et al., CVPR 2020, arXiv:2003.05176.
model = dict(head=dict(loss=dict(type='SoftmaxEqualizationLoss', gamma=0.9, threshold=0.005)))

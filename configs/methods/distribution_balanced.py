# Distribution-balanced loss, made for multi-label data. Wu et al., ECCV 2020, arXiv:2007.09654.
data_preprocessor = dict(to_onehot=True)
model = dict(head=dict(loss=dict(type='DistributionBalancedLoss', num_images='{{num_images}}')))
tuned = {'cifar100_lt/100': {'model.head.loss.num_images': 10847}}  # of other data sets they are counted

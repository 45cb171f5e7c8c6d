_base_ = 'ce_cifar100_lt.py'
# distribution-balanced loss (Wu et al., ECCV 2020), made for multi-label data; here each image has one label
data_preprocessor = dict(to_onehot=True)
model = dict(head=dict(loss=dict(_delete_=True, type='DistributionBalancedLoss', num_images=10847)))

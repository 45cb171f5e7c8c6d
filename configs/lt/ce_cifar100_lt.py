_base_ = '../data/cifar100_lt.py'
# cross entropy

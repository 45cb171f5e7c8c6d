_base_ = '../data/cifar10_lt.py'
# cross entropy

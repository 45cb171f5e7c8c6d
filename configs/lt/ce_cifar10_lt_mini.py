_base_ = '../data/cifar10_lt_mini.py'
# cross entropy

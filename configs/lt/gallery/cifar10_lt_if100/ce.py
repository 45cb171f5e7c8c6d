_base_ = '../../ce_cifar10_lt.py'

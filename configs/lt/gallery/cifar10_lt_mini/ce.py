_base_ = '../../ce_cifar10_lt_mini.py'

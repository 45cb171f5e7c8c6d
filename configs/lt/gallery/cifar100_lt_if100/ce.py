_base_ = '../../ce_cifar100_lt.py'

_base_ = '../data/imagenet_lt.py'
# cross entropy

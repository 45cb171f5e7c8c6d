_base_ = '../data/digits.py'
# cross entropy

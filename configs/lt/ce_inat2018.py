_base_ = '../data/inat2018.py'
# cross entropy

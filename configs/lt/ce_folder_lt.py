_base_ = '../data/folder_lt.py'
# cross entropy

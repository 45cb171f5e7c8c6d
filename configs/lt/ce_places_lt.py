_base_ = '../data/places_lt.py'
# cross entropy

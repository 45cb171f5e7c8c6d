_base_ = 'lift.py'
# a cosine classifier on a frozen ViT, logit adjustment, LIFT's schedule
model = dict(adapter='none')

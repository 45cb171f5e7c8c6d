_base_ = 'lift.py'
# a cosine classifier on a frozen ViT, cross entropy, LIFT's schedule
model = dict(adapter='none', head=dict(loss=dict(_delete_=True, type='CrossEntropyLoss')))

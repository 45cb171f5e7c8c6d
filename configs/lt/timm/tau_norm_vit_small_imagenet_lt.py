_base_ = 'ce_vit_small_imagenet_lt.py'
# tau-normalised classifier (Kang et al., ICLR 2020) of a trained model: tools/test.py with this config
load_from = 'work_dirs/ce_vit_small_imagenet_lt/epoch_100.pth'
model = dict(head=dict(classifier=dict(type='TauNormLinear', tau=0.7)))

_base_ = 'ce_cifar100_lt.py'
# tau-normalised classifier (Kang et al., ICLR 2020) of a trained model: tools/test.py with this config,
# or tools/refit.py --methods tau_norm to choose tau
load_from = 'work_dirs/ce_cifar100_lt/epoch_200.pth'
model = dict(head=dict(classifier=dict(type='TauNormLinear', tau=0.7)))

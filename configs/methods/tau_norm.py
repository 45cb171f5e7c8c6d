# Tau-normalised classifier of a trained model, for tools/test.py. Kang et al., ICLR 2020, arXiv:1910.09217.
# tools/refit.py --methods tau_norm chooses tau
load_from = 'work_dirs/{{name}}/epoch_{{train_cfg.max_epochs}}.pth'
model = dict(head=dict(classifier=dict(type='TauNormLinear', tau=0.7)))

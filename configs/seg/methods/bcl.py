# Balanced contrast of pixels, mmlt's own form of it. Zhu et al., CVPR 2022, arXiv:2207.09052.
model = dict(type='ContrastSegmentor', contrast=dict(type='BalancedContrastiveLoss', temperature=0.1))
val_evaluator = dict(type='LongTailIoUMetric', class_counts='{{class_counts}}')
test_evaluator = dict(type='LongTailIoUMetric', class_counts='{{class_counts}}')

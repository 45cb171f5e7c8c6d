# GML's likelihood for pixels, mmlt's own form of it. Suh and Seo, ICML 2023, arXiv:2305.01160.
model = dict(type='GMLSegmentor', class_counts='{{class_counts}}', queue=dict(length=8192, min_size=8))
val_evaluator = dict(type='LongTailIoUMetric', class_counts='{{class_counts}}')
test_evaluator = dict(type='LongTailIoUMetric', class_counts='{{class_counts}}')

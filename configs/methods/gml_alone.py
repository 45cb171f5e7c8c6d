# GML without a teacher: its own features of the third view fill the queue. Suh and Seo, ICML 2023, arXiv:2305.01160.
_base_ = './gml.py'
model = dict(teacher=None, alpha=0.0)

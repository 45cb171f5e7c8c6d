# Label-distribution-aware margins. Cao et al., NeurIPS 2019, arXiv:1906.07413.
model = dict(head=dict(classifier=dict(type='CosineLinear', scale=30.0), loss=dict(type='LDAMLoss')))

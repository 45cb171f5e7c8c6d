# Cross entropy with weights n_min / n. Japkowicz and Stephen, Intelligent Data Analysis 2002.
model = dict(head=dict(loss=dict(type='CostSensitiveLoss')))

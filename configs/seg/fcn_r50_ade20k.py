_base_ = [
    '../_base_/seg/fcn_r50.py',
    '../_base_/seg/ade20k.py',
    '../_base_/seg/schedule_160k.py',
    '../_base_/seg/runtime.py',
    '../_base_/counts/ade20k.json',
]
# class_counts: pixels by the benchmark's own list; tools/count_classes.py counts those of your copy
data_name = 'fcn_r50_ade20k'

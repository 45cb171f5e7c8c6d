_base_ = 'mmdet::_base_/default_runtime.py'
custom_imports = dict(imports=['mmlt.det'])
default_hooks = dict(class_counts=dict(type='ClassCountsHook'))

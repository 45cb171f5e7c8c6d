_base_ = 'mmdet::_base_/default_runtime.py'
custom_imports = dict(imports=['mmlt.det'])
default_hooks = dict(
    checkpoint=dict(type='AtomicCheckpointHook'),
    class_counts=dict(type='ClassCountsHook'),
    load=dict(type='CheckedLoadHook'),
    random_state=dict(type='RandomStateHook'),
    nan=dict(type='StopOnNaNHook'),
)

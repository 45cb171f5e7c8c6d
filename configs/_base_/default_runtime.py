custom_imports = dict(imports=['mmlt.cls'])
default_scope = 'mmpretrain'
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', interval=10, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='VisualizationHook'),
    class_counts=dict(type='ClassCountsHook'),
    load=dict(type='CheckedLoadHook'),
    random_state=dict(type='RandomStateHook'),
    nan=dict(type='StopOnNaNHook'),
)
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0), dist_cfg=dict(backend='nccl'))
visualizer = dict(type='UniversalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
val_evaluator = dict(type='LongTailMetric')
test_evaluator = val_evaluator
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)

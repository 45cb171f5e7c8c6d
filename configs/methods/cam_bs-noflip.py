# CAM-based sampling that flips no foreground: for signs, digits, text. Zhang et al., AAAI 2021.
_stage = dict(begin=0.8, sampler=dict(type='ClassBalancedSampler'), cam=dict(kinds=('translate', 'rotate', 'scale')))
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
_cam = 'default_hooks.stages.stages.0.cam'
tuned = dict(
    imagenet_lt={_cam: dict(cached=True, limit=100)},
    places_lt={_cam: dict(cached=True, limit=100)},
    inat2018={_cam: dict(cached=True, limit=50)},
)

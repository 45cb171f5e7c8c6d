# CAM-based sampling: late in the run class-balanced images with transformed foregrounds. Zhang et al., AAAI 2021.
# It flips foregrounds, as the paper does; where direction carries the label (signs, digits, text) take cam_bs-noflip.
_stage = dict(begin=0.8, sampler=dict(type='ClassBalancedSampler'), cam=dict())
default_hooks = dict(stages=dict(type='StageSwitchHook', stages=[_stage]))
_cam = 'default_hooks.stages.stages.0.cam'
tuned = dict(
    digits={_cam: dict(kinds=('translate', 'rotate', 'scale'))},
    imagenet_lt={_cam: dict(cached=True, limit=100)},
    places_lt={_cam: dict(cached=True, limit=100)},
    inat2018={_cam: dict(cached=True, limit=50)},
)

_base_ = [
    '../_base_/datasets/cifar100_lt.py',
    '../_base_/models/resnet32_cifar.py',
    '../_base_/schedules/classifier_10e.py',
    '../_base_/default_runtime.py',
]
model = dict(head=dict(num_classes=100))
# classifier re-training (Kang et al., ICLR 2020): backbone frozen, classifier anew, class-aware sampling
load_from = 'work_dirs/ce_cifar100_lt/epoch_200.pth'
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassCycleSampler', samples_per_class=4))
default_hooks = dict(
    stages=dict(type='StageSwitchHook', stages=[dict(begin=0, freeze=['backbone'], reinit=['head.fc'])])
)

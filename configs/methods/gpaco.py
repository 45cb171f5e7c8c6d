# GPaCo: PaCo without a second network. Cui et al., TPAMI 2023, arXiv:2209.12400.
_base_ = './paco.py'
model = dict(momentum=None)
_views = 'train_dataloader.dataset.pipeline.0.views'
_rand = [dict(type='RandAugment', policies='timm_increasing', num_policies=3, magnitude_level=10, magnitude_std=0.5)]
_similar = [dict(type='RandomGrayscale', prob=0.2, keep_channels=True),
            dict(type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf', prob=0.5)]
_cifar = {'optim_wrapper.optimizer.lr': 0.11, f'{_views}.1.3.prob': 0.2}
_imagenet = {'model.contrast.temperature': 0.2, 'optim_wrapper.optimizer.lr': 0.06,
             _views: [_rand, [*_similar, *_rand]]}
tuned = dict(cifar10_lt=_cifar, cifar100_lt=_cifar, imagenet_lt=_imagenet,
             inat2018={'optim_wrapper.optimizer.lr': 0.04})

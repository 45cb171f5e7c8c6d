"""Fit a classifier that has no gradient on the training features."""
import torch
from mmengine.hooks import Hook

from ...core.checks import submodule
from ..access import ema_models, unwrap
from ..features import eval_dataset
from .atomic_checkpoint import BACKEND


class FitClassifierHook(Hook):
    """Before training, pass over the training set once in eval mode and ``fit`` the classifier on its features.

    ``CosineLinear`` and the memory of ``MemoryLinear`` start from the class means so.
    For ``NCMClassifier``: a run with ``load_from``, ``train_cfg=dict(by_epoch=True, max_epochs=0)`` and
    ``param_scheduler=None`` fits, validates and writes ``fitted.pth``. Each rank reads its share of the images and
    holds its features (N/ranks, D).

    Args:
        path (str): the classifier.
        pipeline (list[dict], optional): of the images, each of which then counts once; by default they come as they do
            in training, from its pipeline and sampler.

    Raises:
        ValueError: there is no module with ``fit`` at ``path``.
    """

    def __init__(self, path='head.fc', pipeline=None):
        self.path, self.pipeline = path, pipeline

    def before_train(self, runner):
        if runner._resume:
            return
        model = unwrap(runner.model)
        classifier = submodule(model, self.path)
        if not hasattr(classifier, 'fit'):
            raise ValueError(f'{self.path} ({type(classifier).__name__}) has no fit(features, labels); '
                             'FitClassifierHook is for NCMClassifier, CosineLinear and MemoryLinear')
        classifier.fit(*_features(model, self._loader(runner)))
        for copy in ema_models(runner):
            copy.get_submodule(self.path).load_state_dict(classifier.state_dict())
        runner.save_checkpoint(runner.work_dir, 'fitted.pth', save_optimizer=False, save_param_scheduler=False,
                               backend_args=dict(backend=BACKEND))

    def _loader(self, runner):
        if self.pipeline is None:
            return runner.train_dataloader
        cfg = runner.cfg.train_dataloader
        return runner.build_dataloader({
            **{key: value for key, value in cfg.items() if key != 'batch_sampler'},
            'dataset': eval_dataset(cfg.dataset, self.pipeline),
            'sampler': dict(type='DefaultSampler', shuffle=False, round_up=False)})

    def after_train(self, runner):
        if runner.max_epochs == 0 and runner.val_loop is not None:
            runner.val_loop.run()


@torch.no_grad()
def _features(model, loader):
    training = model.training
    model.eval()
    features, labels = [], []
    for batch in loader:
        batch = model.data_preprocessor(batch, False)
        features.append(model.extract_feat(batch['inputs'], stage='pre_logits'))
        labels += [sample.gt_label for sample in batch['data_samples']]
    model.train(training)
    return torch.cat(features), torch.cat(labels)

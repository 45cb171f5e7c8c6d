"""Fit a classifier that has no gradient on the training features."""
import torch
from mmengine.hooks import Hook

from mmlt.core.checks import submodule
from mmlt.engine.access import ema_models, unwrap


class FitClassifierHook(Hook):
    """Before training, pass over the training set once in eval mode and ``fit`` the classifier on its features.

    ``CosineLinear`` starts from the class means so.
    For ``NCMClassifier``: a run with ``load_from``, ``train_cfg=dict(by_epoch=True, max_epochs=0)`` and
    ``param_scheduler=None`` fits, validates and writes ``fitted.pth``. Give ``train_dataloader`` the test pipeline and
    a plain sampler, so that every image counts once. Each rank reads its share and holds its features (N/ranks, D).

    Args:
        path (str): the classifier.

    Raises:
        ValueError: there is no module with ``fit`` at ``path``.
    """

    def __init__(self, path='head.fc'):
        self.path = path

    def before_train(self, runner):
        if runner._resume:
            return
        model = unwrap(runner.model)
        classifier = submodule(model, self.path)
        if not hasattr(classifier, 'fit'):
            raise ValueError(f'{self.path} ({type(classifier).__name__}) has no fit(features, labels); '
                             'FitClassifierHook is for NCMClassifier and CosineLinear')
        classifier.fit(*_features(model, runner.train_dataloader))
        for copy in ema_models(runner):
            copy.get_submodule(self.path).load_state_dict(classifier.state_dict())
        runner.save_checkpoint(runner.work_dir, 'fitted.pth', save_optimizer=False, save_param_scheduler=False)

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

"""A frozen teacher beside the model that trains.  N images, C classes, D features."""
import copy
import os
from typing import NamedTuple

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from ..core.counts import as_counts
from .access import unwrap
from .frozen import Frozen, digest
from .load import read_checkpoint


class TeacherOutput(NamedTuple):
    """``logits`` (N, C), ``feats`` (N, D): what the teacher's classifier layer reads, pooled."""
    logits: Tensor
    feats: Tensor


class FrozenTeacher:
    """A trained model that is asked and never trained.

    It is no ``nn.Module``: as an attribute of a student it stays out of its parameters, optimizer, state dict, EMA
    copies and DDP. It runs in eval mode without gradient, under the student's autocast, on the device of its inputs.
    ``ClassCountsHook`` finds it in the model or in a batch augmentation, checks it against the training set, writes
    where it came from to ``checkpoint['meta']['teachers']``, and refuses to resume beside another one::

        self.teacher = FrozenTeacher.build(dict(config='teacher.py', checkpoint='teacher.pth'))   # in __init__
        logits, feats = self.teacher(inputs)       # inputs as the student's preprocessor made them

    The teacher is an ``ImageClassifier``, a ``TimmClassifier``, or any model with a method
    ``logits_and_feats(inputs) -> (N, C), (N, D)``.

    Args:
        model (nn.Module): taken as it is and frozen.
        source (dict, optional): what the checkpoint of the student is to say about it.
        meta (dict): of the teacher's checkpoint; its ``class_counts`` and class names are checked.
        same_counts (bool): whether the student must have the same class counts.
    """

    def __init__(self, model, source=None, meta=None, same_counts=True):
        self.model = _Answers(model).freeze()
        self.source, self.meta, self.same_counts = dict(source or {}), meta or {}, same_counts
        self._device = self._digest = None

    @classmethod
    def build(cls, teacher) -> 'FrozenTeacher':
        """From ``dict(config=, checkpoint=)``, a module, which is copied as it stands, or a teacher.

        ``config`` is a path, a config or a dict; ``checkpoint`` is a path or an address; ``same_counts=False`` allows a
        teacher of other class counts; with ``trust=True`` the config may be the one inside the checkpoint, which is
        code, and the file may hold more than data.

        Raises:
            TypeError, ValueError: another key; no config; a model that cannot be asked, or that the weights do not fit.
            FileNotFoundError: no such checkpoint.
        """
        if isinstance(teacher, cls):
            return teacher
        if isinstance(teacher, nn.Module):
            return cls(copy.deepcopy(unwrap(teacher)))
        unknown = set(teacher) - {'config', 'checkpoint', 'same_counts', 'trust'}
        if unknown or not teacher.get('checkpoint'):
            raise ValueError(f'teacher={dict(teacher)}; expected dict(config=..., checkpoint=...)')
        config, path, trust = teacher.get('config'), teacher['checkpoint'], teacher.get('trust', False)
        if '://' not in path and not os.path.isfile(path):
            raise FileNotFoundError(f'the teacher\'s checkpoint {path} does not exist; train the teacher first')
        checkpoint = read_checkpoint(path, trust=trust)
        meta = checkpoint.get('meta', {})
        model = _build_model(config, meta, path, trust)
        _load(model, checkpoint.get('state_dict', checkpoint), path)
        return cls(model, dict(checkpoint=path), meta, teacher.get('same_counts', True))

    def __call__(self, inputs: Tensor) -> TeacherOutput:
        """Preprocessed images (N, ...) -> logits (N, C) and features (N, D), without gradient."""
        if inputs.device != self._device:
            self.model.to(inputs.device)
            self._device = inputs.device
        return self.model(inputs)

    def __deepcopy__(self, memo):
        return self

    @property
    def num_classes(self) -> int | None:
        """C, or None where the model does not say."""
        model = self.model.model
        return getattr(getattr(model, 'head', model), 'num_classes', getattr(_inner(model), 'num_classes', None))

    @property
    def width(self) -> int | None:
        """D, or None where the model does not say."""
        model = self.model.model
        layer = getattr(getattr(model, 'head', None), 'fc', None)
        weight = getattr(layer, 'weight', None)
        return weight.shape[1] if weight is not None else getattr(_inner(model), 'num_features', None)

    def check(self, num_classes=None, class_counts=None, classes=None, width=None, preprocessor=None) -> None:
        """Compare with the student; what is None, or unknown of the teacher, is not compared.

        Args:
            num_classes (int): C.
            class_counts: training counts (C,), against those in the teacher's checkpoint.
            classes (sequence of str): class names, in order.
            width (int): D that the student's loss needs.
            preprocessor (nn.Module): the student's, whose images the teacher sees.

        Raises:
            ValueError: they disagree; the value and the fix are named.
        """
        name = self.source.get('checkpoint', 'the teacher')
        for what, own, asked, fix in (
                ('classes', self.num_classes, num_classes, 'train it on the same classes'),
                ('features', self.width, width, 'project the student\'s features, or take another teacher')):
            if None not in (own, asked) and own != asked:
                raise ValueError(f'{name} has {own} {what}, the student {asked}; {fix}')
        own = (self.meta.get('dataset_meta') or {}).get('classes')
        if own and classes and list(own) != list(classes):
            c = next((i for i, pair in enumerate(zip(own, classes)) if pair[0] != pair[1]), min(len(own), len(classes)))
            raise ValueError(f'{name} has other classes than the training set, first class {c}: {own[c:c + 1]} against '
                             f'{list(classes)[c:c + 1]}; give both the same classes in the same order')
        own = self.meta.get('class_counts')
        if self.same_counts and own is not None and class_counts is not None:
            own, counts = (as_counts(n, allow_empty=True).cpu() for n in (own, class_counts))
            if not own.equal(counts):
                c = int((own != counts).nonzero()[0]) if len(own) == len(counts) else min(len(own), len(counts)) - 1
                raise ValueError(f'{name} was trained with other class counts, as {own[c]:g} against {counts[c]:g} in '
                                 f'class {c}; train it on this training set, or allow it: '
                                 'teacher=dict(same_counts=False, ...)')
        if preprocessor is not None:
            own = getattr(self.model.model, 'data_preprocessor', None)
            for key in ('mean', 'std', 'to_rgb'):
                a, b = _setting(own, key), _setting(preprocessor, key)
                if own is not None and a != b:
                    raise ValueError(f'{name} expects data_preprocessor.{key}={a}, the student\'s has {b}; they see '
                                     'the same images: give both the same data_preprocessor')

    def record(self) -> dict:
        """What the student's checkpoint says: where the teacher came from, and the hash of its weights."""
        if self._digest is None:
            self._digest = digest(self.model.model)
        return dict(self.source, sha256=self._digest)


class _Answers(Frozen):
    """The model inside a teacher, asked for logits and features."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        if not hasattr(model, 'logits_and_feats') and not hasattr(getattr(model, 'head', None), 'pre_logits') \
                and not hasattr(_inner(model), 'forward_head'):
            raise TypeError(f'{type(model).__name__} cannot be a teacher: it has no head with pre_logits, is no '
                            'TimmClassifier, and has no method logits_and_feats(inputs)')

    def forward(self, inputs):
        model = self.model
        if hasattr(model, 'logits_and_feats'):
            return TeacherOutput(*model.logits_and_feats(inputs))
        feats = model.extract_feat(inputs)
        if hasattr(getattr(model, 'head', None), 'pre_logits'):
            return TeacherOutput(model.head(feats), model.head.pre_logits(feats))
        return TeacherOutput(model.model.forward_head(feats), model.model.forward_head(feats, pre_logits=True))


def _build_model(config, meta, path, trust):
    if config is None and not (trust and meta.get('cfg')):
        held = 'holds a config, but that is code which building it would execute' if meta.get('cfg') else \
            'holds no config'
        raise ValueError(f'{path} {held}; name one, teacher=dict(config=..., checkpoint=...), or trust the file: '
                         'teacher=dict(trust=True, ...)')
    if config is None:
        config = Config.fromstring(meta['cfg'], '.py')
    elif isinstance(config, str):
        config = Config.fromfile(config)
    model = copy.deepcopy(config.get('model', config))
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmpretrain')):
        return MODELS.build(model, default_args=dict(data_preprocessor=config.get('data_preprocessor')))


def _load(model, state, path):
    """Load all weights but the loss's."""
    state = {key.removeprefix('module.'): value for key, value in state.items() if 'loss_module.' not in key}
    try:
        keys = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ValueError(f'the weights in {path} do not fit the teacher\'s config: {error}') from None
    for word, odd in (('lacks', keys.missing_keys), ('also has', keys.unexpected_keys)):
        odd = [key for key in odd if 'loss_module.' not in key]
        if odd:
            raise ValueError(f'{path} {word} {len(odd)} weights, as {", ".join(odd[:3])}; take the config that it was '
                             'trained with')


def _inner(model):
    return getattr(model, 'model', None)  # of TimmClassifier


def _setting(preprocessor, key):
    value = getattr(preprocessor, key, None)
    return value.flatten().tolist() if isinstance(value, Tensor) else value

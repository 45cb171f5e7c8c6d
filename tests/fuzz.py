"""Bad calls of everything public in core, data and the hooks: python tests/fuzz.py 100000

A call either gives a result, finite if its arguments are, or a ValueError, TypeError, RuntimeError or FileNotFoundError
with words in it. Anything else is a fault: another error, an empty message, or more than ten seconds of the CPU.
"""
import inspect
import math
import resource
import signal
import sys
import warnings
from functools import cache
from importlib import import_module

import numpy as np
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from torch import nn

ALLOWED = ValueError, TypeError, RuntimeError, FileNotFoundError
MODULES = ['mmlt.core.counts', 'mmlt.core.sampling', 'mmlt.core.adjust', 'mmlt.core.calibration', 'mmlt.core.accuracy',
           'mmlt.core.max_norm', 'mmlt.core.swap', 'mmlt.core.losses', 'mmlt.core.layers', 'mmlt.core.augment',
           'mmlt.core.contrast', 'mmlt.data.labels', 'mmlt.data.longtail', 'mmlt.data.annotations', 'mmlt.data.ragged',
           'mmlt.data.samplers', 'mmlt.engine.hooks']
INTERNAL = 'ClassIndex', 'balanced_indices', 'class_cycle_indices', 'drawn_indices'  # take what ClassIndex made
POLES = '({', 'log_', 'weights', 'temperature'  # infinite at a count or temperature of 0, or by the constructor
SECONDS = 10


def tensor(*shape, dtype=torch.float32, value=None):
    """A fixed tensor of the shape, or one filled with the value."""
    if value is not None:
        return torch.full(shape, value, dtype=dtype)
    return (torch.arange(math.prod(shape)) % 3).reshape(shape).to(dtype)


# what fits somewhere, and what fits nowhere
GOOD = {
    'logits': tensor(4, 3), 'scores': tensor(4, 3), 'x': tensor(4, 5), 'features': tensor(4, 5), 'feats': tensor(4, 5),
    'images': tensor(4, 3, 8, 8), 'inputs': tensor(4, 3, 8, 8), 'batch_inputs': tensor(4, 3, 8, 8),
    'target': tensor(4, dtype=torch.int64), 'labels': tensor(4, dtype=torch.int64), 'dataset': [0, 1, 2, 0, 0],
    'batch_score': torch.eye(3)[[0, 1, 2, 0]], 'counts': [5, 3, 1], 'class_counts': [5, 3, 1], 'in_features': 5,
    'out_features': 3, 'num_classes': 3, 'max_epochs': 4, 'epoch': 1, 'seed': 0,
    'model': nn.Sequential(nn.Linear(5, 3)),
    'generator': torch.Generator().manual_seed(0), 'probabilities': torch.tensor([.5, .25, .25]),
    'imbalance': 10.,
}
BAD = [None, True, False, -1, 0, 1, 2, 3, 2 ** 62, -2 ** 70, 0.5, -0.5, float('nan'), float('inf'), 1j, 'x', '', b'x',
       'missing.json', [], [1], [0, 1, 2], [1.], [[1, 2], [3]], [None], (), (2, 3), {}, {'type': 'x'}, set(), object(),
       np.zeros(0), np.arange(4), np.ones((4, 3)), np.array(['a']), range(3), nn.Linear(5, 3), len,
       tensor(0), tensor(), tensor(1), tensor(4), tensor(3), tensor(4, 3), tensor(0, 3), tensor(4, 0), tensor(2, 2, 2),
       tensor(4, 3, 0, 0), tensor(4, dtype=torch.int64), tensor(4, dtype=torch.int64, value=-1),
       tensor(4, dtype=torch.int64, value=2 ** 40), tensor(4, 3, dtype=torch.bool), tensor(4, 3, dtype=torch.int32),
       tensor(4, 3, dtype=torch.complex64), tensor(4, 3, dtype=torch.float16), tensor(4, 3, dtype=torch.float64),
       tensor(4, 3, value=math.nan), tensor(4, 3, value=math.inf), tensor(4, 3, value=1e4), tensor(4, 5, value=-1e30)]


@cache
def targets():
    """(name, callable) of everything public."""
    found = {}
    for name in MODULES:
        module = import_module(name)
        names = getattr(module, '__all__', None) or [key for key, part in vars(module).items() if key[0] != '_'
                                                     and getattr(part, '__module__', None) == name]
        for key in names:
            part = getattr(module, key)
            if callable(part) and not inspect.isabstract(part):
                found[f'{name}.{key}'] = part
    for name in INTERNAL:
        found.pop(f'mmlt.core.sampling.{name}', None)
    return sorted(found.items())


def arguments(draw, function):
    """Mostly good arguments of a call, as a dict."""
    chosen = {}
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return chosen
    for p in parameters:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY):
            continue
        good = p.name in GOOD
        if p.default is p.empty or draw(st.integers(0, 3)) == 0:
            use_good = good and draw(st.integers(0, 2)) > 0
            chosen[p.name] = GOOD[p.name] if use_good else BAD[draw(st.integers(0, len(BAD) - 1))]
    return chosen


def finite(value):
    if torch.is_tensor(value) and value.is_floating_point():
        return bool(value.isfinite().all())
    if isinstance(value, np.ndarray) and value.dtype.kind == 'f':
        return bool(np.isfinite(value).all())
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, (list, tuple)):
        return all(map(finite, value))
    return all(map(finite, value.values())) if isinstance(value, dict) else True


def tame(arguments):
    """True if a result of these arguments must be finite."""
    return all(not torch.is_tensor(v) or not v.numel() or v.is_complex() or v.double().abs().max() <= 1e4
               for v in arguments.values()) and \
        finite(list(arguments.values()))


def call(function, given):
    """The fault of a call, or None, and what it gave."""
    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        result = function(**given)
        return None, result
    except ALLOWED as error:
        named = isinstance(error, FileNotFoundError) or str(error).strip()
        return (None if named else f'{type(error).__name__} without a word'), None
    except TimeoutError:
        return f'more than {SECONDS} s', None
    except BaseException as error:  # whatever comes is what is looked for
        if isinstance(error, KeyboardInterrupt) or type(error).__module__.startswith('hypothesis'):
            raise
        return f'{type(error).__name__}: {error}', None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def uses(part):
    """The ways to use what a constructor gave."""
    if isinstance(part, nn.Module):
        return [part.forward]
    if isinstance(part, torch.utils.data.Sampler):
        return [lambda: [index for index, _ in zip(part, range(50))], part.set_epoch]
    return [part.mix] if hasattr(part, 'mix') else [part] if callable(part) else []


def case(draw):
    """One call: (description, fault or None)."""
    name, target = targets()[draw(st.integers(0, len(targets()) - 1))]
    given = arguments(draw, target)
    fault, result = call(target, given)
    for use in uses(result) if inspect.isclass(target) and fault is None and result is not None else []:
        more = arguments(draw, use)
        fault, result = call(use, more)
        name, given = f'{name}({given}).{getattr(use, "__name__", "use")}', more
        if fault:
            break
    if fault is None and isinstance(result, (torch.Tensor, float)) and not any(word in name for word in POLES) \
            and tame(given) and not finite(result):
        fault = f'gives {result}'
    return f'{name}({given})', fault


def run(examples, collect=None):
    """Try so many calls; raises at the first fault unless ``collect`` takes them, by function and fault."""
    @seed(examples)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def fuzz(data):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            torch.manual_seed(0)
            what, fault = case(data.draw)
        if fault and collect is None:
            raise AssertionError(f'{what}: {fault}')
        if fault:
            collect.setdefault((what.split('(')[0] + '.' + what.split(').')[-1].split('(')[0], fault[:60]), what)

    fuzz()


if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, ) * 2)  # 2^28 classes are an error, not a full machine
    faults = {}
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, faults)
    for (name, fault), what in sorted(faults.items()):
        print(f'{name}: {fault}\n    {what[:400]}')
    print(f'{len(faults)} faults')
    sys.exit(bool(faults))

"""Adapters on a ViT-B/16 of random weights: time, memory and size against the linear probe and full fine-tuning.

    python benchmarks/foundation.py [--model vit_base_patch16_224] [--batch 4] [--runs 9]

Forward time in eval mode (CPU time, one thread, interleaved); memory that autograd keeps for the backward pass, plus
gradients and SGD's momentum; bytes of the adapters' file over those of the base.
"""
import argparse
import copy
import io
import statistics
import sys
import time

import timm
import torch
from record import record

from mmlt.core.layers.adapter_state import adapter_state
from mmlt.core.layers.adapters import add_adapters

TARGETS = dict(forward=1.08, memory=0.75, file=0.02)


def kept_bytes(model, images):
    """Bytes that one training step keeps: saved activations once each, gradients and momentum of what trains."""
    own = {p.data_ptr() for p in model.parameters()}
    saved = {}

    def pack(tensor):
        if tensor.data_ptr() not in own:
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(images).square().mean()
    del loss
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    model.eval()
    return sum(saved.values()) + 2 * trained + weights


def forward(models, images, runs):
    """Seconds of each, the median over interleaved runs, and the median ratio of the second to the first."""
    times = {name: [] for name in models}
    with torch.inference_mode():
        for run in range(runs + 1):
            for name, model in models.items():
                start = time.process_time()
                model(images)
                if run:
                    times[name].append(time.process_time() - start)
    probe, adapted = times.values()
    return {k: statistics.median(v) for k, v in times.items()}, statistics.median(b / a for a, b in zip(probe, adapted))


def size(state):
    file = io.BytesIO()
    torch.save(state, file)
    return file.tell()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default='vit_base_patch16_224')
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--runs', type=int, default=9)
    parser.add_argument('--classes', type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base = timm.create_model(args.model, num_classes=args.classes).eval()
    probe = add_adapters(copy.deepcopy(base), 'none')
    lift = add_adapters(copy.deepcopy(base), 'adaptformer', bottleneck='auto', num_classes=args.classes)
    images = torch.randn(args.batch, *base.default_cfg['input_size'])
    seconds, ratio = forward(dict(probe=probe, lift=lift), images, args.runs)
    adapters = sum(p.numel() for name, p in lift.named_parameters() if '.adapter.' in name)
    memory = kept_bytes(lift, images) / kept_bytes(base, images)
    file = size(adapter_state(lift)) / size(base.state_dict())
    print(f'forward of the probe {seconds["probe"]:.2f} s, with adapters {seconds["lift"]:.2f} s')
    print(f'adapters {adapters / 1e6:.2f} M parameters at {args.classes} classes')
    missed = 0
    for name, value in dict(forward=ratio, memory=memory, file=file).items():
        print(f'{name}: {value:.3f}, target <= {TARGETS[name]}')
        record(name, value, TARGETS[name])
        missed += value > TARGETS[name]
    return int(missed > 0)


if __name__ == '__main__':
    sys.exit(main())

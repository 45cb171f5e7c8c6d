"""Average the weights of models from one start: mmlt soup a.pth b.pth c.pth --out soup.pth, then mmlt refit"""
import argparse

from mmlt.core.files import save_whole
from mmlt.core.soup import soup
from mmlt.engine.cli import plain_errors
from mmlt.engine.load import add_arguments, read_checkpoint, saved_counts


@plain_errors
def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('checkpoints', nargs='+')
    p.add_argument('--out', required=True)
    p.add_argument('--weights', nargs='+', type=float, help='one share a checkpoint; default all alike')
    p.add_argument('--debug', action='store_true', help='show where an error arose')
    add_arguments(p, fit=False)
    args = p.parse_args(argv)
    saved = [read_checkpoint(path, trust=args.trust) for path in args.checkpoints]
    state = soup([c.get('state_dict', c) for c in saved], args.weights, args.checkpoints)
    counts = [saved_counts(c) for c in saved]
    if any(c is None or not c.equal(counts[0]) for c in counts):
        print('The models saw other class counts: the soup keeps none. Refit its classifier: mmlt refit')
    meta = {key: saved[0].get('meta', {}).get(key) for key in ('dataset_meta', )}
    if all(c is not None and c.equal(counts[0]) for c in counts):
        meta['class_counts'] = counts[0].tolist()
    save_whole(args.out, dict(state_dict=state, meta=dict(meta, soup=args.checkpoints)))
    print(f'{args.out}: the mean of {len(saved)} models\n'
          f'Next: mmlt refit CONFIG {args.out}, or mmlt test CONFIG {args.out}')

"""Self-training in generations: mmlt crest cifar10_lt_mini crest UNLABELLED --generations 3"""
from mmlt.engine.cli import load_config, parser, plain_errors
from mmlt.engine.pseudo_label import unlabelled_set
from mmlt.jobs.crest import run_generations
from mmlt.report.table import print_results


@plain_errors
def main(argv=None):
    p = parser(__doc__)
    p.add_argument('unlabelled', help='a folder of images, a text file with one path a line, or an .npz (train_images)')
    p.add_argument('--generations', type=int, default=6)
    p.add_argument('--alpha', type=float, default=3.0, help='rates are (n_opposite / n_max)^(1 / alpha)')
    p.add_argument('--t-min', type=float, default=0.5, help='of CReST+')
    args = p.parse_intermixed_args(argv)
    args.cfg_options = dict(args.cfg_options or {}, unlabelled=unlabelled_set(args.unlabelled, []))
    cfg = load_config(args)
    results = run_generations(cfg, args.unlabelled, args.generations, args.alpha, args.t_min)
    print_results({f'generation {g}': {k: v for k, v in result.items() if k.startswith('lt/')}
                   for g, result in enumerate(results)})
    for g, result in enumerate(results):
        print(f'generation {g} added {result["added"] or "nothing"}')

"""Write the start of a classifier from class names, once: python tools/text_head.py --classnames FILE --model NAME

The text tower of a CLIP of open_clip reads each name in each prompt; the unit features of the prompts are averaged,
brought into the image tower's width (the transpose of its projection, as LIFT does: the classifier reads the features
before the projection), and made unit again. ``LIFTClassifier(text_weights=OUT)`` starts from it. The features before
that, the projection and the temperature are kept as well: ``mmlt refit --text OUT`` compares images with texts by them.

    python tools/text_head.py --classnames names.txt --model ViT-B-16 --weights openai --out text.pth

--weights is a name that open_clip knows, or a file: OpenAI's ViT-B-16.pt, or open_clip_pytorch_model.bin of a
LAION model. FILE has a name a line, in the order of the labels; --prompts has lines such as "a photo of a {}.".
"""
import argparse
from pathlib import Path

from mmlt.core.files import save_whole
from mmlt.core.text_head import back_project, text_head

PROMPTS = ('a photo of a {}.', )


def load_tower(model, weights):
    """(encode, projection, scale): texts -> (P, E); the projection (D, E) of the image tower, None without one."""
    try:
        import open_clip
    except ImportError:
        raise SystemExit('error: the text tower needs open_clip: pip install open_clip_torch') from None
    clip = open_clip.create_model(model, pretrained=weights).eval()
    tokenizer = open_clip.get_tokenizer(model)
    return (lambda texts: clip.encode_text(tokenizer(texts)), image_projection(clip.visual),
            float(clip.logit_scale.detach().exp()))


def image_projection(tower):
    """(D, E): open_clip's own towers have a matrix, its towers of timm a linear layer; None where neither is there."""
    layer = getattr(tower, 'proj', None)
    if layer is None and hasattr(tower, 'head'):
        layer = getattr(tower.head, 'proj', None)
    return layer.weight.detach().T if hasattr(layer, 'weight') else None if layer is None else layer.detach()


def lines(path):
    if not path.is_file():
        raise FileNotFoundError(f'there is no file {path}')
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--classnames', type=Path, required=True)
    parser.add_argument('--prompts', type=Path, help='default: "a photo of a {}."')
    parser.add_argument('--model', default='ViT-B-16')
    parser.add_argument('--weights', required=True)
    parser.add_argument('--out', type=Path, default=Path('text_head.pth'))
    args = parser.parse_args(args)
    try:
        write(args)
    except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: a model or weights that open_clip cannot make
        raise SystemExit(f'error: {error}') from None


def write(args):
    names = lines(args.classnames)
    prompts = lines(args.prompts) if args.prompts else PROMPTS
    encode, projection, scale = load_tower(args.model, args.weights)
    text = text_head(encode, names, prompts)
    weight = text if projection is None else back_project(text, projection)
    saved = dict(weight=weight, names=names, prompts=list(prompts), model=args.model, weights=args.weights, scale=scale)
    if projection is not None:
        saved.update(text=text, projection=projection.float().contiguous())
    save_whole(args.out, saved)
    print(f'{args.out}: {len(names)} classes, width {weight.shape[1]}')


if __name__ == '__main__':
    main()

"""Which recipe for which data: one table, read from the top. The docs print it.

No recipe wins everywhere: in Zhang et al. (AAAI 2021) and in our own tables the order changes with the data set, the
schedule and the backbone. So what costs nearly nothing comes first, and every row says what speaks
for it. ``when`` reads the facts of :class:`Facts`.
"""
from dataclasses import dataclass
from typing import NamedTuple


@dataclass
class Facts:
    """What the rules see of a data set."""
    images: int
    classes: int
    largest: int
    smallest: int
    few: float = 0.  # share of classes with fewer than 20 training images
    task: str = 'cls'
    pretrained: bool = False
    epochs: int = 100
    can_flip: bool = True

    @property
    def imbalance(self):
        return self.largest / max(self.smallest, 1)


class Rule(NamedTuple):
    """One row: a name, when it applies (words and test), the overlays, the reason, the cost against cross entropy and
    the evidence as (statement, source); ``teacher`` is the overlay of a run that comes before."""
    name: str
    condition: str
    when: object
    overlays: tuple
    reason: str
    cost: str
    evidence: tuple
    refit: tuple = ()
    needs_cam: bool = False
    teacher: str = ''


MINI = 'docs/results.md, CIFAR-10 mini pack, 45 epochs'
BEST = 3  # recommendations given
NOTHING = ('The classes are nearly balanced: nothing here is needed. Train with plain cross entropy; long-tail '
           'methods would change nothing or cost accuracy.')
NO_WINNER = ('No recipe wins on every data set. Run the three, in this order, with at least two seeds, and let the '
             'report say what of the difference is noise.')


def is_balanced(facts):
    """Imbalance below 2 and no class so small that only its size is its trouble."""
    return facts.imbalance < 2


RULES = [
    Rule('frozen features, adjusted classifier', 'a pretrained backbone is at hand',
         lambda f: f.task == 'cls' and f.pretrained, (),
         'Features of a foundation model need no training: fit the classifier on them, with the prior taken out.',
         'one pass over the images, then seconds',
         (('fine-tuning most of a foundation model can cost accuracy on the tail, light fine-tuning is more effective',
           'Shi et al., ICML 2024, arXiv:2309.10019'),
          ('logit adjustment is consistent for the balanced error', 'Menon et al., ICLR 2021, arXiv:2007.07314')),
         refit=('logit_adjust', 'crt')),
    Rule('balanced softmax, then a student of it', 'from scratch, at most 50,000 images and fewer than 150 epochs',
         lambda f: f.task == 'cls' and not f.pretrained and f.images <= 50_000 and f.epochs < 150, ('dive',),
         'A second network learns from the softened predictions of the first, in which the images of large classes '
         'also speak for small ones. With few images two runs take minutes.',
         'two runs of cross entropy',
         (('64.3 ± 1.7, balanced softmax 60.8 ± 1.1, cross entropy 53.9 ± 1.5', MINI),
          ('the method', 'He et al., ICCV 2021, arXiv:2103.15042')), teacher='balanced_softmax'),
    Rule('second stages on cached features', 'always, for classification',
         lambda f: f.task == 'cls', (),
         'A classifier refitted on the cached features of a plain model is nearly free, and its result is a baseline '
         'that a whole new training has to beat.',
         'cross entropy plus seconds to minutes',
         (('MaxNorm 60.8 ± 0.8, logit adjustment 59.8 ± 2.5, cRT 59.8 ± 1.1, cross entropy 53.9 ± 1.5', MINI),
          ('decoupling beats joint training on three data sets', 'Kang et al., ICLR 2020, arXiv:1910.09217'),
          ('weights bounded in a second stage, the norms levelled', 'Alshammari et al., CVPR 2022, arXiv:2203.14197')),
         refit=('maxnorm', 'logit_adjust', 'crt')),
    Rule('balanced softmax', 'classification, trained from scratch or fine-tuned',
         lambda f: f.task == 'cls', ('balanced_softmax',),
         'One line and one stage: the loss carries the prior, so that the raw logits are right for balanced classes.',
         'that of cross entropy',
         (('60.8 ± 1.1, cross entropy 53.9 ± 1.5', MINI),
          ('with a learnt sampler above earlier methods in classification and instance segmentation',
           'Ren et al., NeurIPS 2020, arXiv:2007.10740'))),
    Rule('mixup, then CAM-based sampling, then neither', 'from scratch, at least 150 epochs',
         lambda f: f.task == 'cls' and not f.pretrained and f.epochs >= 150, ('mixup-cam_bs-ft',),
         'Mixup helps representations in long schedules only; the last epochs without it bring the accuracy back.',
         'about 1.1 times cross entropy for as many epochs',
         (('61.1 ± 0.7, cross entropy 53.9 ± 1.5', MINI),
          ('the best combination of tricks: 43.13 % on ImageNet-LT with ResNet-10', 'Zhang et al., AAAI 2021')),
         needs_cam=True),
    Rule('CAM-based sampling, late', 'from scratch, a convolutional backbone, some classes below 20 images',
         lambda f: f.task == 'cls' and not f.pretrained and f.few > 0, ('cam_bs',),
         'Balanced sampling repeats the few images of the tail; moving their foregrounds keeps them from being learnt '
         'by heart. It begins late: balancing from the start hurts.',
         '1.0 to 1.3 times cross entropy',
         (('60.0 ± 1.0; balanced sampling late 58.1 ± 0.8, from the start 49.5 ± 1.4, cross entropy 53.9 ± 1.5', MINI),
          ('part of a combination that outperformed earlier methods on four data sets', 'Zhang et al., AAAI 2021')),
         needs_cam=True),
    Rule('contrast beside the classifier', 'from scratch, thrice the time can be spent',
         lambda f: f.task == 'cls' and not f.pretrained, ('bcl',),
         'Contrast in which classes count alike keeps the features of small classes apart. `gml`, after a run of its '
         'teacher, goes further and costs more.',
         'about 3 times cross entropy',
         (('62.8 ± 0.5, ProCo 64.0 (one seed), GML 62.6 ± 1.1, balanced softmax 60.8 ± 1.1', MINI),
          ('the method', 'Zhu et al., CVPR 2022, arXiv:2207.09052'))),
    Rule('LDAM, late reweighting', 'from scratch, the tail is not tiny',
         lambda f: f.task == 'cls' and not f.pretrained, ('ldam-drw',),
         'Margins for small classes, weights only after the features are learnt.', 'that of cross entropy',
         (('59.4 (one seed), cross entropy 53.9 ± 1.5', MINI),
          ('42.0 % on CIFAR-100-LT, imbalance 100', 'Cao et al., NeurIPS 2019, arXiv:1906.07413'))),
    Rule('balanced softmax, fine-tuned late', 'a pretrained backbone', lambda f: f.task == 'cls' and f.pretrained,
         ('balanced_softmax-drw',), 'Plain fine-tuning first, the prior taken out of the loss at the end.',
         'that of cross entropy',
         (('59.9 (one seed, from scratch), cross entropy 53.9 ± 1.5', MINI),)),
    Rule('repeat factor sampling', 'detection', lambda f: f.task == 'det', ('rfs',),
         'Images with rare classes are seen more often; it goes with every loss.', 'longer epochs',
         (('mask AP 22.2 against 16.1, Mask R-CNN R-50 on LVIS v1', 'github.com/tztztztztz/eqlv2'),
          ('the method', 'Gupta et al., CVPR 2019, arXiv:1908.03195'))),
    Rule('seesaw loss', 'detection', lambda f: f.task == 'det', ('seesaw-cosine',),
         'Less punishment for rare classes, by their accumulated counts.', 'that of cross entropy',
         (('mask AP 25.0, with repeat factor sampling 26.4, Mask R-CNN R-50 for 24 epochs on LVIS v1',
           'configs/seesaw_loss of MMDetection'),
          ('the method', 'Wang et al., CVPR 2021, arXiv:2008.10032'))),
    Rule('equalization loss v2', 'detection', lambda f: f.task == 'det', ('eqlv2',),
         'Balances the gradients of positives and negatives of each class.', 'that of cross entropy',
         (('mask AP 23.7 against 16.1, Mask R-CNN R-50 on LVIS v1', 'github.com/tztztztztz/eqlv2'),
          ('the method', 'Tan et al., CVPR 2021, arXiv:2012.08548'))),
]


def recommend(facts):
    """The first rules that apply, at most three; none for balanced data.

    >>> [rule.name for rule in recommend(Facts(10847, 100, 500, 5, few=.3, epochs=100))]
    ['balanced softmax, then a student of it', 'second stages on cached features', 'CAM-based sampling, late']
    >>> recommend(Facts(1000, 10, 100, 100))
    []
    """
    if is_balanced(facts):
        return []
    rules = [rule for rule in RULES if rule.when(facts)]
    trained = {(rule.teacher, ) for rule in rules}  # their first run is that recipe
    return [rule for rule in rules if rule.overlays not in trained][:BEST]


def as_markdown():
    """The table for the docs."""
    lines = ['| when | recipe | why | cost against CE | evidence |', '|---|---|---|---|---|']
    for rule in RULES:
        how = ', '.join(f'`{name}`' for name in rule.overlays) or 'refit: ' + ', '.join(f'`{m}`' for m in rule.refit)
        how = f'`{rule.teacher}`, then {how}' if rule.teacher else how
        evidence = '; '.join(f'{text} ({source})' for text, source in rule.evidence)
        lines.append(f'| {rule.condition} | {rule.name}: {how} | {rule.reason} | {rule.cost} | {evidence} |')
    return '\n'.join(lines)

"""Maps of rare classes made from those of frequent ones.  N maps (D, H, W), G of them new, C classes, K centres each.

Wang et al., RSG, CVPR 2021, arXiv:2106.09859.
"""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_integer, check_range
from ..counts import ClassCounts, Counts, rarest
from ..precision import no_autocast


def center_loss(maps: Tensor, centers: Tensor, share: Tensor) -> Tensor:
    """(N, D, H, W), (N, K, D), (N, K) of sum 1 -> (N,): the squared distances of all positions to the centres, each
    centre by its share. Without the (N, K, D, H, W) of the differences."""
    mean = maps.mean((2, 3))
    spread = (maps - mean[:, :, None, None]).square().sum((1, 2, 3))
    return spread + maps[0, 0].numel() * (share * (mean[:, None] - centers).square().sum(2)).sum(1)


def displacement_loss(moved: Tensor, given: Tensor, aim: Tensor) -> Tensor:
    """(G, D, H, W) each -> (G,): the sum over the positions of ||moved| - |given|| + 1 - cos(moved, aim)."""
    length = (moved.norm(dim=1) - given.norm(dim=1)).abs()
    return (length + 1 - F.cosine_similarity(moved, aim, dim=1)).sum((1, 2))


def pairs(rare: Tensor, strength: float = 1.0) -> tuple[Tensor, Tensor]:
    """Mask (N,) -> indices (G,), (G,): a rare and a frequent map of the batch for each new one. The fewer of the two
    are used over and over, ``strength`` times the others; both in their order."""
    kinds = rare.nonzero()[:, 0], (~rare).nonzero()[:, 0]
    few, many = sorted(map(len, kinds))
    number = few * max(int(many * strength / few), 1) if few else 0
    first, second = (index[torch.arange(number, device=rare.device) % max(len(index), 1)] for index in kinds)
    return first, second


class RareSampleGenerator(ClassCounts):
    """New maps of rare classes: y + T(x - c_x) of a rare class's map y and a frequent class's map x; c_x is
    the centre of x's class that has the largest share of x, T a convolution.

    ``generator(maps (N, D, H, W), labels (N,), generate)`` -> maps (N + G, D, H, W), the place in the batch of the map
    whose label each new one has, a list of G, and two losses: ``loss_centers``, the distance of the maps to the centres
    of their classes and, until maps are generated, the cross entropy of a network that says whether two maps are of one
    class; ``loss_transfer``, which wants T to keep lengths, to turn x - c_x into y - c_y, and to leave nothing of x's
    class by the judgement of that network, which learns no longer. Neither trains what made the maps.

    The released code takes lengths and angles of D numbers that lie side by side in memory, values of several
    positions; here these are the D values of a position. Where a map has one position ``loss_transfer`` agrees, but for
    the released constant of D - 1. Its frequent classes on CIFAR are the first ones; here they are those of most
    images, as in its ImageNet-LT. Float32 under autocast.

    Args:
        channels, num_classes (int): D, C.
        num_centers (int): K.
        frequent (float): the share of the classes that is frequent.
        strength (float): the number of new maps, to that of the frequent (or rare) maps, if more.
        hidden (int): width of the network of pairs.
        center_weight, transfer_weight (float): of the losses.
        class_counts: training counts (C,), or None to have ``ClassCountsHook`` fill them.

    Raises:
        ValueError: an argument out of its range.
        RuntimeError: no class counts.
    """

    counted = 'centres'

    def __init__(self, channels: int, num_classes: int, num_centers: int = 15, frequent: float = 0.2,
                 strength: float = 1.0, hidden: int = 256, center_weight: float = 0.1, transfer_weight: float = 0.01,
                 class_counts: Counts | None = None):
        check_integer(self, 1, channels=channels, num_centers=num_centers, hidden=hidden)
        check_integer(self, 2, num_classes=num_classes)
        check_range(self, '(0, 1)', frequent=frequent)
        check_range(self, '(0, inf)', strength=strength)
        check_range(self, '[0, inf)', center_weight=center_weight, transfer_weight=transfer_weight)
        self.frequent = frequent
        super().__init__(class_counts)
        self.strength, self.center_weight, self.transfer_weight = strength, center_weight, transfer_weight
        self.centers = nn.Parameter(torch.zeros(num_classes, num_centers, channels))
        self.weight = nn.Parameter(torch.randn(num_classes, channels, num_centers))
        self.bias = nn.Parameter(torch.ones(num_classes, num_centers))
        self.transform = nn.Conv2d(channels, channels, 3, padding=1)
        self.same_class = nn.Sequential(
            nn.Conv2d(2 * channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(hidden, 2))
        for layer in (self.transform, *self.same_class):
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight)
            if hasattr(layer, 'bias'):
                nn.init.zeros_(layer.bias)

    def derive(self) -> None:
        number = max(int(len(self.class_counts) * self.frequent), 1)
        self.register_buffer('rare', rarest(self.class_counts, len(self.class_counts) - number), persistent=False)

    def forward(self, maps: Tensor, labels: Tensor, generate: bool = False):
        self.check_counts(len(self.centers))
        x = maps.detach()
        with no_autocast(maps):
            x = x.to(self.centers.dtype)
            share = (torch.einsum('nd,ndk->nk', x.mean((2, 3)), self.weight[labels]) + self.bias[labels]).softmax(1)
            centers = self.centers[labels]
            loss = center_loss(x, centers, share).mean()
            if not generate:
                return maps, [], dict(loss_centers=self.center_weight * (loss + self._pairs_loss(x, labels)))
            index, frequent = pairs(self.rare[labels].cpu(), self.strength)  # their number, a shape, is read back once
            rare, frequent = (i.to(x.device, non_blocking=True) for i in (index, frequent))
            losses = dict(loss_centers=self.center_weight * loss, loss_transfer=loss * 0)
            if len(rare):
                own = centers.detach()[torch.arange(len(x), device=x.device), share.argmax(1)]
                away = x - own[:, :, None, None]
                given = away[frequent]
                moved = self.transform(given)
                frozen = {name: p.detach() for name, p in self.same_class.named_parameters()}
                pair = torch.cat([x[frequent], moved], 1)
                judged = torch.func.functional_call(self.same_class, frozen, pair)
                loss = F.cross_entropy(judged, torch.zeros_like(rare))
                loss = loss + displacement_loss(moved, given, away[rare]).mean()
                losses['loss_transfer'] = self.transfer_weight * loss
                maps = torch.cat([maps, (x[rare] + moved).to(maps.dtype)])
        return maps, index.tolist(), losses

    def _pairs_loss(self, maps, labels):
        """Of each map of the batch's first half with one of the second: are they of one class?"""
        half = len(maps) // 2
        if not half:
            return maps.new_zeros(())
        pair = self.same_class(torch.cat([maps[:half], maps[half:2 * half]], 1))
        return F.cross_entropy(pair, (labels[:half] == labels[half:2 * half]).long())

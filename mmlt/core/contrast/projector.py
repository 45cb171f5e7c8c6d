"""Heads for contrast.  M features of width D, H hidden, E projected."""

from torch import Tensor, nn

from ..precision import unit


class Projector(nn.Sequential):
    """Linear(D, H), batch norm, ReLU, Linear(H, E), and unit length: (M, D) -> (M, E)."""

    def __init__(self, width: int, dim: int, hidden: int | None = None):
        hidden = hidden or width
        super().__init__(nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
                         nn.Linear(hidden, dim))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x) < 2:
            raise ValueError(f'the projection of {len(x)} feature: its batch norm needs 2 or more a rank; set '
                             'train_dataloader batch_size >= 2, and drop_last=True for a last batch of 1')
        return unit(super().forward(x))


class DeepProjector(nn.Sequential):
    """Three linear layers with ReLU between them and no batch norm, and unit length: (M, D) -> (M, E)."""

    def __init__(self, width: int, dim: int):
        super().__init__(nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, width),
                         nn.ReLU(inplace=True), nn.Linear(width, dim))

    def forward(self, x: Tensor) -> Tensor:
        return unit(super().forward(x))

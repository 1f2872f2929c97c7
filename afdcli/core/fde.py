"""FDE-Net: from DCT coefficients to the Feature Drifting Map (paper, section on FDE-Net; Fig. 3).

The paper feeds the 192 coefficients (Y, Cb, Cr x 64) of each block of the decoded picture through
1x1 convolutions. Here the coefficients are those of the file, pooled into the cells of the
classifier's view (`afdcli.view`), and the quantisation steps say how large their error can be.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afdcli.core.config import AFDConfig

LARGEST_DC = 1024.0  # of an 8-bit JPEG block: 8 x 128
LOG1P_DC = 6.93  # log1p(1024)
LARGEST_LOG_STEP = 5.55  # log(256): the range of side inputs


def signed_log1p(grid: Tensor) -> Tensor:
    """Coefficients (JPEG scale) as logarithms that keep their sign: 0 is 0, +-1024 is +-1.

    They span three decades; so the small ones stay visible. In the precision of the grid: float16,
    as which the grid is stored, takes a third of the time and is off by 0.0005 at most. Not by
    ``log1p``, whose exactness below 1e-7 is lost on steps of 1 and more, and takes five times as
    long.
    """
    return grid.abs().add_(1).log_().mul_(grid.sign()).div_(LOG1P_DC)


class FDENet(nn.Module):
    """Feature drifting estimation, 1x1 convolutions only: each cell is judged by itself.

    Inputs:
        grid: (B, 384 or 192, h, w) signed mean and root mean square of each coefficient per cell,
            JPEG scale (-1024 ... 1024); the last `AFDConfig.grid_channels` of these are read.
        side: (B, 197) log quantisation steps (0 ... 5.5) and the extras of `afdcli.view.spec`.

    Output: the FDM, in 0 ... 1: (B, C, h, w), or (B, C, 1, 1) with the "channel" gate.

    Attributes:
        takes_log_grid: the grid comes through `signed_log1p` already, and holds only what is read.
            Logarithms are slow in some runtimes, and taking channels out of a tensor in others.
    """

    takes_log_grid = False

    def __init__(self, config: AFDConfig, outputs: int) -> None:
        super().__init__()
        first, second = config.hidden
        self.pool = config.gate == "channel"
        self.cells = nn.Conv2d(config.grid_channels, first, 1)
        self.file = nn.Linear(config.side_channels, first, bias=False)
        self.mix = nn.Conv2d(first, second, 1)
        self.gate = nn.Conv2d(second, outputs, 1)

    def forward(self, grid: Tensor, side: Tensor) -> Tensor:
        """See the class."""
        return self.map(self.features(grid, side))

    def map(self, features: Tensor) -> Tensor:
        """The FDM of `features`."""
        if self.pool:
            features = features.mean((2, 3), keepdim=True)
        return torch.sigmoid(self.gate(features))

    def features(self, grid: Tensor, side: Tensor) -> Tensor:
        """What the FDM is made from: (B, hidden[1], h, w), not negative."""
        compressed = (
            grid if self.takes_log_grid else signed_log1p(grid[:, -self.cells.in_channels :])
        )
        # The steps are the same in all blocks, so their share of the first layer is one vector: a
        # linear layer, written as a convolution because OpenVINO is slow at one this small.
        steps = F.conv2d(
            side[:, :, None, None] / LARGEST_LOG_STEP, self.file.weight[:, :, None, None]
        )
        x = torch.relu(self.cells(compressed.to(side.dtype)) + steps)
        return torch.relu(self.mix(x))

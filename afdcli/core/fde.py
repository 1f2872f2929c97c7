"""FDE-Net: from DCT coefficients to the Feature Drifting Map (paper, Fig. 3).

The paper feeds the 192 coefficients (Y, Cb, Cr x 64) of each 8x8 block of the decoded picture
through 1x1 convolutions::

    192 ── 1x1 ── 128 ── ReLU ── 1x1 ── 64 ── ReLU ── 1x1 ── C ── sigmoid ── FDM

Here the coefficients are those of the file, pooled into the cells of the classifier's view (see
`afdcli.view.spec.View`), and the first layer also reads the file's quantisation steps, which bound
the error of each coefficient.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afdcli.constants import LOG1P_DC
from afdcli.core.config import AFDConfig

LARGEST_DC = 1024.0  # of an 8-bit JPEG block: 8 x 128
LARGEST_LOG_STEP = 5.55  # log(256)


def signed_log1p(grid: Tensor) -> Tensor:
    """``sign(x) log(1 + |x|) / log(1 + 1024)`` of coefficients on the JPEG scale, any shape.

    Maps -1024 ... 1024 to -1 ... 1 and 0 to 0. Coefficients span three decades; in logarithms the
    small ones count, too. Keeps the type: in float16, as which the grid is stored, it is off by
    0.0005 at most. Below 1e-7 it is less precise than ``log1p``, which is of no use here.
    """
    return grid.abs().add_(1).log_().mul_(grid.sign()).div_(LOG1P_DC)


class FDENet(nn.Module):
    """Feature drifting estimation: 1x1 convolutions only, so each cell is judged on its own.

    Inputs:
        grid: (B, 384 or 192, h, w) signed mean and root mean square of each coefficient per cell,
            JPEG scale (-1024 ... 1024); the last `AFDConfig.grid_channels` of them are read.
        file_context: (B, 197) log quantisation steps (0 ... 5.55) and five numbers about scale and
            sampling, see `afdcli.view.spec.View`.

    Output: the FDM, 0 ... 1: (B, C, h, w), or (B, C, 1, 1) with the "channel" gate.
    """

    def __init__(self, config: AFDConfig, outputs: int) -> None:
        super().__init__()
        first, second = config.hidden
        self.pool = config.gate == "channel"
        self.cells = nn.Conv2d(config.grid_channels, first, 1)
        self.context = nn.Linear(config.context_channels, first, bias=False)
        self.mix = nn.Conv2d(first, second, 1)
        self.gate = nn.Conv2d(second, outputs, 1)

    def forward(self, grid: Tensor, file_context: Tensor) -> Tensor:
        """The FDM, see the class."""
        return self.map(self.features(grid, file_context))

    def map(self, features: Tensor) -> Tensor:
        """The FDM from the output of `features`."""
        if self.pool:
            features = features.mean((2, 3), keepdim=True)
        return torch.sigmoid(self.gate(features))

    def logarithms(self, grid: Tensor) -> Tensor:
        """`signed_log1p` of the channels of *grid* that are read: (B, grid_channels, h, w)."""
        return signed_log1p(grid[:, -self.cells.in_channels :])

    def features(self, grid: Tensor, file_context: Tensor) -> Tensor:
        """Damage features, from which the FDM is made: (B, hidden[1], h, w), not negative."""
        x = self.logarithms(grid)
        # The context is the same for all cells: one vector, added to each of them.
        context = F.conv2d(
            file_context[:, :, None, None] / LARGEST_LOG_STEP, self.context.weight[:, :, None, None]
        )
        x = torch.relu(self.cells(x.to(file_context.dtype)) + context)  # (B, hidden[0], h, w)
        return torch.relu(self.mix(x))

"""Reference methods that AFD is compared with, written from their papers' descriptions.

Both are called as an `AFDModule` is, and ignore the coefficients.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afdcli.models.hooks import HookedBackbone


class PixelRemover(nn.Module):
    """Artefact removal on pixels before the classifier, in the manner of ARCNN.

    Four convolutions of 9, 7, 1 and 5 pixels with 64, 32 and 16 channels between them (Dong, Deng,
    Loy, Tang, *Compression Artifacts Reduction by a Deep Convolutional Network*, ICCV 2015,
    section 3.2), on RGB, predicting the residual as DnCNN does (Zhang et al., TIP 2017).
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(i, o, k, padding=k // 2)
            for i, o, k in ((3, 64, 9), (64, 32, 7), (32, 16, 1), (16, 3, 5))
        )
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(
        self, x: Tensor, grid: Tensor, file_context: Tensor, view: tuple[int, int] | None = None
    ) -> Tensor:
        """(B, 3, H, W) pixels in -1 ... 1 -> the same."""
        y = x
        for layer in self.layers[:-1]:
            y = F.relu(layer(y))
        return x + self.layers[-1](y)


class _Picture:
    """What a network was last given; copies of a module share it."""

    def __init__(self, net: nn.Module) -> None:
        net.register_forward_pre_hook(self._remember)

    def _remember(self, _net: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.last = inputs[0].detach()

    def __deepcopy__(self, _memo: object) -> _Picture:
        return self


class DeepFeatureRepair(nn.Module):
    """The prior feature method: six 3x3 convolutions on stem features and picture (DDP).

    Size as the AFD paper states it, about 117,000 parameters for 64 channels.

    Args:
        backbone: where it is plugged in; the picture is taken from the network's input.
        channels: of the features.
        width: between the convolutions.
    """

    def __init__(self, backbone: HookedBackbone, channels: int, width: int = 43) -> None:
        super().__init__()
        widths = [channels + 3, *(5 * [width]), channels]
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in pairwise(widths))
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)
        self.picture = _Picture(backbone.net)

    def forward(
        self, x: Tensor, grid: Tensor, file_context: Tensor, view: tuple[int, int] | None = None
    ) -> Tensor:
        """(B, C, H, W) features -> the same."""
        picture = F.interpolate(self.picture.last, x.shape[-2:], mode="area")
        y = torch.cat((x, picture.to(x.dtype)), 1)
        for layer in self.layers[:-1]:
            y = F.relu(layer(y))
        return F.relu(x + self.layers[-1](y))

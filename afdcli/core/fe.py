"""FE-Net: a small U-Net that predicts the correction of drifted features (paper, Fig. 3).

::

    x  C @112 ── inc ── c @112 ─────────────────────────────── cat ── out ── C @112
                        down1 ── 2c, pool @56 ───── cat ── up2, x2
                                 down2 ── 4c, pool @28 ── up1, x2
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afdcli.core.config import AFDConfig
from afdcli.core.repconv import conv3x3, zero_output
from afdcli.errors import ModuleError


class FENet(nn.Module):
    """Feature enhancement, (B, C, H, W) -> (B, C, ceil(H / stride), ceil(W / stride)).

    Takes any H and W. The output is zero before training. A stride of 4 is taken in two steps of
    2: a 3x3 kernel that moves by 4 would never read 7 of 16 features.

    Raises:
        ModuleError: the configuration's stride is not 1, 2 or 4.
    """

    def __init__(self, config: AFDConfig, channels: int) -> None:
        super().__init__()
        c, plain = config.width, config.block == "conv" or config.fused
        if config.stride not in (1, 2, 4):
            raise ModuleError(f"stride {config.stride} of FE-Net: it must be 1, 2 or 4")
        self.stride = config.stride
        self.inc = conv3x3(channels, c, min(config.stride, 2), plain)
        self.halve = conv3x3(c, c, 2, plain) if config.stride == 4 else None
        self.act_halve = nn.PReLU(c) if config.stride == 4 else None
        self.down1 = conv3x3(c, 2 * c, plain=plain)
        self.down2 = conv3x3(2 * c, 4 * c, plain=plain)
        self.up1 = conv3x3(4 * c, 2 * c, plain=plain)
        self.up2 = conv3x3(4 * c, c, plain=plain)
        self.out = conv3x3(2 * c, channels, plain=plain)
        self.act_inc, self.act_down1, self.act_down2 = nn.PReLU(c), nn.PReLU(2 * c), nn.PReLU(4 * c)
        self.act_up1, self.act_up2 = nn.PReLU(2 * c), nn.PReLU(c)
        zero_output(self.out)
        self.guide = nn.Conv2d(config.hidden[1], 4 * c, 1) if config.guide else None

    def forward(self, x: Tensor, guide: Tensor | None = None) -> Tensor:
        """The correction, see the class. Sizes in the comments are for C @112 and stride 1.

        Args:
            x: (B, C, H, W).
            guide: (B, hidden[1], *bottom) FDE-Net's features; read if `AFDConfig.guide` is set.
        """
        height, width = x.shape[-2:]
        multiple = 4 * self.stride  # two poolings: odd sizes (149, say) are padded, then cut
        if height % multiple or width % multiple:
            x = F.pad(x, (0, -width % multiple, 0, -height % multiple))
        inc = self.act_inc(self.inc(x))  # c @112
        if self.halve is not None and self.act_halve is not None:
            inc = self.act_halve(self.halve(inc))
        down1 = F.max_pool2d(self.act_down1(self.down1(inc)), 2)  # 2c @56
        down2 = F.max_pool2d(self.act_down2(self.down2(down1)), 2)  # 4c @28
        if self.guide is not None and guide is not None:
            missing = [d - g for d, g in zip(down2.shape[-2:], guide.shape[-2:], strict=True)]
            down2 = down2 + self.guide(F.pad(guide, (0, missing[1], 0, missing[0])))
        up1 = _upsample(self.act_up1(self.up1(down2)))  # 2c @56
        up2 = _upsample(self.act_up2(self.up2(torch.cat((up1, down1), 1))))  # c @112
        out: Tensor = self.out(torch.cat((up2, inc), 1))  # C @112
        return out[..., : -(-height // self.stride), : -(-width // self.stride)]

    def bottom(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) at the bottom of the U, without padding, for features of that size."""
        multiple = 4 * self.stride
        return -(-height // multiple), -(-width // multiple)


def _upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

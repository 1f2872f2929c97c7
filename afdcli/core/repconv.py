"""RepConv: three linear branches in training, one 3x3 convolution afterwards (paper, FE-Net).

::

    y = conv3x3(conv1x1(x)) + conv1x1(conv3x3(x)) + conv1x1(x)

There is no normalisation and no non-linearity inside, so the sum *is* a 3x3 convolution. Its kernel
is a differentiable function of the branches (`RepConv.kernel`), so training runs on it, too: the
same function and the same gradients.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RepConv(nn.Module):
    """A re-parameterisable convolution, (B, in, H, W) -> (B, out, ceil(H / s), ceil(W / s)).

    Args:
        inputs, outputs: channels.
        stride: s, 1 or 2.
        fold: True runs the folded kernel and keeps the branches; False runs the three
            branches one by one, as in the formula.

    Raises:
        ValueError: another stride, with which a 3x3 kernel would skip features.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, fold: bool = True) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"RepConv has a stride of 1 or 2, not {stride}")
        self.stride = stride
        self.fold = fold
        self.squeeze_1x1 = nn.Conv2d(inputs, outputs, 1)
        self.squeeze_3x3 = nn.Conv2d(outputs, outputs, 3, stride)
        self.expand_3x3 = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
        self.expand_1x1 = nn.Conv2d(outputs, outputs, 1)
        self.point = nn.Conv2d(inputs, outputs, 1, stride)

    def kernel(self) -> tuple[Tensor, Tensor]:
        """The 3x3 convolution with the same output: weight (out, in, 3, 3) and bias (out,)."""
        first, second = self.squeeze_1x1, self.squeeze_3x3
        weight = torch.einsum("omhw,mi->oihw", second.weight, first.weight[:, :, 0, 0])
        bias = _bias(second) + second.weight.sum((2, 3)) @ _bias(first)

        first, second = self.expand_3x3, self.expand_1x1
        weight = weight + torch.einsum("om,mihw->oihw", second.weight[:, :, 0, 0], first.weight)
        bias = bias + _bias(second) + second.weight[:, :, 0, 0] @ _bias(first)

        weight = weight + F.pad(self.point.weight, (1, 1, 1, 1))
        return weight, bias + _bias(self.point)

    def forward(self, x: Tensor) -> Tensor:
        """(B, out, ceil(H / s), ceil(W / s)); both ways agree to rounding, borders included."""
        if self.fold:
            weight, bias = self.kernel()
            return F.conv2d(x, weight, bias, self.stride, padding=1)
        # Padding *before* the 1x1 gives the 3x3 a border of the 1x1's bias instead of zeros. Only
        # then is the pair one 3x3 convolution at the border, too.
        first = self.squeeze_3x3(self.squeeze_1x1(F.pad(x, (1, 1, 1, 1))))
        second = self.expand_1x1(self.expand_3x3(x))
        point: Tensor = self.point(x)
        total: Tensor = first + second + point
        return total

    @torch.no_grad()
    def reparameterize(self) -> nn.Conv2d:
        """A plain 3x3 convolution with the same output, to rounding."""
        weight, bias = self.kernel()
        outputs, inputs = weight.shape[:2]
        conv = nn.Conv2d(inputs, outputs, 3, self.stride, padding=1)
        conv.weight.copy_(weight)
        _bias(conv).copy_(bias)
        return conv.to(weight.device, weight.dtype)


def conv3x3(inputs: int, outputs: int, stride: int = 1, plain: bool = False) -> RepConv | nn.Conv2d:
    """A `RepConv`, or a *plain* 3x3 convolution: for an ablation, or for fused weights."""
    if plain:
        return nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    return RepConv(inputs, outputs, stride)


def activate(x: Tensor, activation: str) -> Tensor:
    """*x* through "relu", "relu6" or "none", any shape; x itself may be overwritten."""
    if activation == "relu":
        return F.relu(x, inplace=True)
    if activation == "relu6":
        return F.relu6(x, inplace=True)
    return x


def zero_output(conv: RepConv | nn.Conv2d) -> None:
    """Make *conv* output zero, with gradients: its residual block then starts as the identity."""
    last = (
        [conv] if isinstance(conv, nn.Conv2d) else [conv.squeeze_3x3, conv.expand_1x1, conv.point]
    )
    for layer in last:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(_bias(layer))
    if isinstance(conv, RepConv):
        nn.init.zeros_(_bias(conv.squeeze_1x1))
        nn.init.zeros_(_bias(conv.expand_3x3))


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias

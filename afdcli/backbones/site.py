"""Where classifier and module meet: run a frozen network with a hand on the plug point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from afdcli.backbones.loader import Backbone

Transform = Callable[[Tensor], Tensor]
Plug = Literal["stem", "input"]


class Site(nn.Module):
    """A backbone that hands the features at the plug point to a function and goes on from there.

    Args:
        backbone: the frozen classifier.
        plug: "stem": the function sees the output of the module *where*; "input": it sees the
            pixels, (B, 3, H, W) in -1 ... 1, before the backbone's own normalisation.
        where: name of the backbone's module; "" at the input.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, plug: Plug, where: str = "") -> None:
        super().__init__()
        self.net = backbone.net
        self.plug = plug
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), False)
        self._transform: Transform | None = None
        self._hook = None
        if plug == "stem":
            self._hook = self.net.get_submodule(where).register_forward_hook(self._at_stem)

    def forward(self, pixels: Tensor, transform: Transform | None = None) -> Tensor:
        """Logits (B', K) float32 of *pixels* (B, H, W, 3) uint8.

        *transform* may change the batch size, and so B'; None leaves the features as they are.
        """
        x = pixels.permute(0, 3, 1, 2).to(self.mean.dtype)
        if self.plug == "input" and transform is not None:
            x = (transform(x / 127.5 - 1) + 1) / 2
        else:
            x = x / 255
        self._transform = transform
        try:
            logits: Tensor = self.net((x - self.mean) / self.std)
        finally:
            self._transform = None
        return logits.float()

    def remove(self) -> None:
        """Take the hook off the network again."""
        if self._hook is not None:
            self._hook.remove()

    def _at_stem(self, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return output if self._transform is None else self._transform(output)

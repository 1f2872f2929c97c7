"""A classifier's pooled features: what timm's ``forward_head(x, pre_logits=True)`` gives."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afdcli.errors import BackboneError
from afdcli.models.hooks import Pass
from afdcli.models.loader import Backbone
from afdcli.models.watch import watching


class FeatureTap:
    """Catches the pooled features whenever *backbone* runs; its outputs stay as they are.

    They are the input of the last layer.

    Args:
        backbone: the classifier.
        state: where each pass keeps its features, `afdcli.models.hooks.HookedBackbone.state`.

    Attributes:
        layer: name of the last layer.
        width: D, the number of features.

    Raises:
        BackboneError: no such layer, as in distilled transformers, which average two.
    """

    def __init__(self, backbone: Backbone, state: Pass) -> None:
        net, spec = backbone.net, backbone.spec
        self._state = state
        found = _last_layer(net, (spec.height, spec.width))
        if found is None:
            raise BackboneError(
                f"--embeddings: the pooled features of {backbone.name} cannot be found: its output"
                " does not come from a last linear layer"
            )
        self.layer, self.width = found
        net.get_submodule(self.layer).register_forward_hook(self._keep_input)

    def take(self) -> Tensor:
        """Features of the pass that this thread has just made: (B, D) float32."""
        features = self._state.features
        assert features is not None
        self._state.features = None
        return features.flatten(1).float()

    def _keep_input(self, _module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        self._state.features = inputs[0]


@torch.inference_mode()
def _last_layer(net: nn.Module, size: tuple[int, int]) -> tuple[str, int] | None:
    """Name of the linear layer whose output is that of *net*, and how many features it takes."""
    layers = {n: m for n, m in net.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))}
    runs: list[tuple[str, tuple[Tensor, ...], Tensor]] = []
    place = next(net.parameters())
    noise = torch.randn((1, 3, *size), generator=torch.Generator().manual_seed(0))
    with watching(layers, lambda *run: runs.append(run)):
        logits = net(noise.to(place))
    for name, inputs, output in runs:
        pooled = inputs and inputs[0].numel() == inputs[0].shape[1]  # (1, D) or (1, D, 1, 1)
        same = pooled and output.numel() == logits.numel()
        if same and torch.equal(output.flatten(1), logits):
            return name, inputs[0].shape[1]
    return None

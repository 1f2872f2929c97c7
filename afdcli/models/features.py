"""A classifier's pooled features: what timm's ``forward_head(x, pre_logits=True)`` gives."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from afdcli.errors import BackboneError
from afdcli.models.loader import Backbone

_RELATIVE, _ABSOLUTE = 1e-3, 1e-4  # tolerances of the comparison with timm's


class _Seen(threading.local):
    """The features of the pass in this thread; threads may share a network."""

    features: Tensor | None = None

    def __reduce__(self) -> tuple[type[_Seen], tuple[()]]:  # copies and pickles start empty
        return _Seen, ()


class FeatureTap:
    """Catches the pooled features whenever *net* runs; its outputs stay as they are.

    They are the input of the last layer. If timm pools in another way (as for distilled
    transformers, which average two outputs), its own ``forward_head`` gives them.

    Attributes:
        layer: name of the last layer; "forward_head" if timm's is used.
        width: D, the number of features.

    Raises:
        BackboneError: the classifier has no such layer.
    """

    def __init__(self, backbone: Backbone) -> None:
        net, spec = backbone.net, backbone.spec
        self._seen = _Seen()
        parameter = next(net.parameters())
        noise = torch.randn(
            (1, 3, spec.height, spec.width), generator=torch.Generator().manual_seed(0)
        )
        picture = noise.to(parameter.device, parameter.dtype)
        with torch.inference_mode():
            layer, features = _last_layer(net, picture)
            expected = _of_timm(net, picture)
        if expected is not None and (features is None or not _close(features, expected)):
            net.__dict__["forward_head"] = partial(_watched_head, net, self._seen)
            layer, features = "forward_head", expected
        elif features is not None:
            net.get_submodule(layer).register_forward_hook(self._keep_input)
        else:
            raise BackboneError(
                f"--embeddings: the pooled features of {backbone.name} cannot be found: its output"
                " does not come from a last linear layer, and it has no forward_head of timm"
            )
        self.layer, self.width = layer, features.shape[1]

    def take(self) -> Tensor:
        """Features of the pass that this thread has just made: (B, D) float32."""
        features = self._seen.features
        assert features is not None
        self._seen.features = None
        return features.flatten(1).float()

    def _keep_input(self, _module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        self._seen.features = inputs[0]


def _watched_head(net: Any, seen: _Seen, x: Tensor, pre_logits: bool = False) -> Tensor:
    """``net.forward_head`` that also keeps the features."""
    head = partial(type(net).forward_head, net)
    features: Tensor = head(x, pre_logits=True)
    seen.features = features
    return features if pre_logits else head(x)


def _last_layer(net: nn.Module, picture: Tensor) -> tuple[str, Tensor | None]:
    """Name and input (1, D) of the linear layer whose output is that of *net*; "", None if none."""
    found: list[tuple[str, Tensor, Tensor]] = []
    with _watching(net, found):
        logits = net(picture)
    for name, given, output in found:
        if output.numel() == logits.numel() and torch.equal(output.flatten(1), logits):
            return name, given.flatten(1)
    return "", None


@contextmanager
def _watching(net: nn.Module, found: list[tuple[str, Tensor, Tensor]]) -> Iterator[None]:
    """Adds (name, input, output) of every layer that has pooled features as its input."""

    def keep(name: str, _module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if inputs and inputs[0].numel() == inputs[0].shape[1]:  # (1, D) or (1, D, 1, 1)
            found.append((name, inputs[0], output))

    hooks = [
        module.register_forward_hook(partial(keep, name))
        for name, module in net.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _of_timm(net: Any, picture: Tensor) -> Tensor | None:
    """What timm's own functions give, (1, D); None for a network without them."""
    head = getattr(net, "forward_head", None)
    try:
        if "pre_logits" not in inspect.signature(head).parameters:  # type: ignore[arg-type]
            return None
        features = head(net.forward_features(picture), pre_logits=True)  # type: ignore[misc]
    except Exception:  # of a user's class that only looks like timm's
        return None
    return features.flatten(1) if isinstance(features, Tensor) and features.ndim > 1 else None


def _close(features: Tensor, expected: Tensor) -> bool:
    return features.shape == expected.shape and torch.allclose(
        features, expected, rtol=_RELATIVE, atol=_ABSOLUTE
    )

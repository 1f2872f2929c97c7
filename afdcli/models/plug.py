"""A classifier of the user's own with an AFD module, as a plain `torch.nn.Module`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn

from afdcli.core import weights_file
from afdcli.core.module import AFDModule
from afdcli.errors import BackboneError, ModuleError
from afdcli.models.afd_file import find_module, signature_text, view_for
from afdcli.models.hooks import AFDPass, HookedBackbone, Plug
from afdcli.models.loader import Backbone
from afdcli.models.plug_points import find_stem
from afdcli.view.spec import ViewSpec, spec_from_data_config


class ViewTensors(NamedTuple):
    """A batch of `afdcli.view.spec.View`, or one view without the leading axis.

    Attributes:
        pixels: (B, H, W, 3) uint8 RGB.
        grid: (B, 384 or 192, ceil(H / 8), ceil(W / 8)) float16.
        file_context: (B, 197) float32; NaN marks a picture that could not be read.
    """

    pixels: Tensor
    grid: Tensor
    file_context: Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> ViewTensors:
        """The same tensors on *device*."""
        return ViewTensors(*(tensor.to(device, non_blocking=non_blocking) for tensor in self))


class PluggedModel(nn.Module):
    """A classifier with its AFD module, from `plug`: views in, logits out.

    Attributes:
        model: the classifier that was given, not a copy.
        afd: the `AFDModule`.
        plug: "stem" or "input".
        where: name of the layer of *model* that the module sits behind; "" at the input.
        spec: the views that `forward` takes, for `afdcli.ViewDataset` and `afdcli.read_view`.
        note: a sentence about the choice of the module, or "".
    """

    def __init__(
        self, backbone: Backbone, module: AFDModule, plug: Plug, where: str, note: str
    ) -> None:
        super().__init__()
        self.model, self.afd = backbone.net, module
        self.plug, self.where, self.note = plug, where, note
        self.spec: ViewSpec = view_for(module.config, backbone.spec)
        self._name = backbone.name
        behind = module.config.corrected_names
        # In a tuple: the weights are registered, and named in a state, as `model` alone.
        self._hooked = (HookedBackbone(backbone, plug, where, behind=behind),)
        self.training = backbone.net.training

    def forward(
        self,
        pixels: Tensor | ViewTensors,
        grid: Tensor | None = None,
        file_context: Tensor | None = None,
    ) -> Tensor:
        """What the classifier returns for a batch of views: logits (B, K).

        Args:
            pixels: `ViewTensors`, or its first tensor; then the other two must follow.
            grid, file_context: see `ViewTensors`.

        Returns:
            The logits; NaN for pictures that could not be read, see `afdcli.ViewDataset`.
        """
        if isinstance(pixels, ViewTensors):
            pixels, grid, file_context = pixels
        if grid is None or file_context is None:
            raise TypeError("give ViewTensors, or the three tensors pixels, grid, file_context")
        (hooked,) = self._hooked
        unread = file_context.isnan().any(1, keepdim=True)
        context = file_context.nan_to_num().to(hooked.mean.dtype)
        work = AFDPass(self.afd, grid, context, (pixels.shape[1], pixels.shape[2]))
        return hooked.run(pixels, work, work.behind).masked_fill(unread, torch.nan)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PluggedModel:
        """What `to` and its like do to every tensor: also to the input's mean and deviation."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        (hooked,) = self._hooked
        hooked.mean, hooked.std = fn(hooked.mean), fn(hooked.std)
        return self

    def save(self, path: Path | str) -> None:
        """Write the AFD module to *path*, for ``afd classify --afd`` and for `plug`.

        Raises:
            ResultsError: *path* cannot be written.
        """
        metadata = {"plug": self.plug, "where": self.where, "backbone": self._name}
        if self.plug == "stem":
            with _evaluating(self.model):
                metadata["signature"] = signature_text(
                    self.model, self.where, self.afd.config, (self.spec.height, self.spec.width)
                )
        weights_file.save(self.afd, Path(path), metadata)


def plug(
    model: nn.Module, module: AFDModule | Path | str = "auto", where: str | None = None
) -> PluggedModel:
    """Plug an AFD module into *model*, for a loop of your own.

    *model* is used as it is, not copied: training the returned network trains it. It gets hooks
    that change features only when the returned network is called; called by itself it gives what
    it gave before. Its mode (``train`` or ``eval``) stays; use ``eval()`` to classify.

    Args:
        model: a classifier from timm, or another one with timm's ``pretrained_cfg`` (else its
            input is taken to be 224x224 pixels with ImageNet's mean and deviation).
        module: "auto" for the light module that ships for *model*, else the general one; "best" for
            its best one; the path of a module file; the name of a shipped file, such as
            "any.input"; or an `AFDModule`. A module from a file is fused and frozen; an `AFDModule`
            is used as it is, so that it can be trained.
        where: name of the layer of *model* that a given `AFDModule` sits behind. By default it is
            the stem, or the input for an input module. Files know their place.

    Raises:
        ModuleError: the module does not fit *model*, or its file cannot be read.
        BackboneError: *model* takes no RGB pictures, or *where* is not in it.
    """
    config: dict[str, Any] = resolve_model_data_config(model)  # type: ignore[no-untyped-call]
    backbone = Backbone(
        name=_name(model),
        net=model,
        spec=spec_from_data_config(config),
        mean=config["mean"],
        std=config["std"],
        class_names=(),
        origin="",
    )
    with _evaluating(model):
        if isinstance(module, AFDModule):
            kind, place = _place(module, backbone, where)
            afd, note = module, ""
        elif where is not None:
            raise ModuleError("a module file names its plug point; omit where")
        elif module == "off" or (loaded := find_module(str(module), backbone)) is None:
            raise ModuleError(
                f"there is no AFD module for {backbone.name}: give a file or an AFDModule"
            )
        else:
            afd, kind, place, note = loaded.module, loaded.plug, loaded.where, loaded.note
    model_with_afd = PluggedModel(backbone, afd, kind, place, note)
    return model_with_afd.to(next(model.parameters()).device)


def _name(model: nn.Module) -> str:
    """timm's name of *model*, which selects the shipped module; else its class."""
    config: Any = getattr(model, "pretrained_cfg", None)
    if not isinstance(config, Mapping):
        config = config.to_dict() if hasattr(config, "to_dict") else {}
    return str(config.get("architecture") or type(model).__name__)


def _place(module: AFDModule, backbone: Backbone, where: str | None) -> tuple[Plug, str]:
    """Where *module* sits. Raises ModuleError if it does not fit the layer or those behind it."""
    config, net = module.config, backbone.net
    if where is None and config.channels == 3 and config.plug_stride == 1:
        return "input", ""
    size = (backbone.spec.height, backbone.spec.width)
    if where is not None and where not in dict(net.named_modules()):
        raise BackboneError(f"{backbone.name} has no layer {where!r}")
    points = [find_stem(net, size, where)]
    if where is None:
        points.append(find_stem(net, size, quarter=True))
    fitting = [p for p in points if p.channels == config.channels]
    fitting.sort(key=lambda p: abs(p.stride - config.plug_stride))
    if not fitting:
        raise ModuleError(
            f"the module takes {config.channels} channels, but {points[0].where} of "
            f"{backbone.name} has {points[0].channels}; name another layer with where"
        )
    missing = set(config.corrected_names) - set(dict(net.named_modules()))
    if missing:
        raise ModuleError(f"{backbone.name} lacks layers that the module corrects: {min(missing)}")
    return "stem", fitting[0].where


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """A context with *model* in eval mode, so that a pass does not change its statistics."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True

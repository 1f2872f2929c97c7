"""Which AFD module goes with a backbone: a file, a shipped stem module, or the `input` module."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from afdcli.constants import GRID_CHANNELS
from afdcli.core import weights_file
from afdcli.core.config import AFDConfig
from afdcli.core.module import AFDModule
from afdcli.errors import BackboneError, ModuleError
from afdcli.models import shipped as weights
from afdcli.models.hooks import Plug
from afdcli.models.loader import Backbone
from afdcli.models.plug_points import find_stem
from afdcli.view.spec import ViewSpec

_TOLERANCE = 0.02  # relative; float16 weights move a signature by about 1e-3


@dataclass(frozen=True)
class LoadedModule:
    """A module ready to be plugged in, fused, eval mode.

    Attributes:
        module: the network.
        plug: "stem" or "input".
        where: name of the backbone's module behind which it sits; "" at the input.
        path: its file.
        sha256: of that file.
        note: a sentence for the user, or "".
    """

    module: AFDModule
    plug: Plug
    where: str
    path: Path
    sha256: str
    note: str = ""


def view_for(config: AFDConfig, spec: ViewSpec) -> ViewSpec:
    """The backbone's view *spec* with the coefficients that a module of *config* reads."""
    # Without gates nothing reads the grid, and graphs for other runtimes take all of it.
    means = config.grid_channels == GRID_CHANNELS or config.gate == "none"
    return replace(spec, coefficients=config.coefficients, means=means)


def view_of(backbone: Backbone, loaded: LoadedModule | None) -> ViewSpec:
    """What the pictures for *backbone* with that module hold: nobody reads more than is needed."""
    if loaded is None:
        return replace(backbone.spec, coefficients="none")
    if not isinstance(loaded.module, AFDModule):  # a reference method, called as one
        return backbone.spec
    return view_for(loaded.module.config, backbone.spec)


def find_module(afd: str, backbone: Backbone) -> LoadedModule | None:
    """The module for *backbone*: *afd* is "auto", "off" or the path of a module file.

    "auto" takes the shipped stem module of that very backbone, else the shipped `input` module,
    and says so in the note.

    Raises:
        ModuleError: the file is no AFD module, or was trained for other stem features.
    """
    if afd == "off":
        return None
    if afd != "auto":
        return load_module(Path(afd), backbone)
    stem = shipped_module(backbone.name, "stem")
    if stem is not None:
        path = weights.verified(stem.file.name)  # a changed file is no reason for another
        # The same name with other weights (--checkpoint): the input module fits any.
        with suppress(ModuleError, BackboneError):
            return load_module(path, backbone)
    general = shipped_module(backbone.name, "input")
    if general is None:
        return None
    note = (
        f"no AFD module for {backbone.name}: using the general input module, which "
        f"recovers less; train one with `afd train --backbone {backbone.name} --data DIR`"
    )
    return replace(load_module(weights.verified(general.file.name), backbone), note=note)


def shipped_module(name: str, plug: Plug) -> weights.Card | None:
    """The shipped module of that *plug* for the classifier *name*, by its card alone."""
    architecture = name.split(".", 1)[0]
    for card in weights.cards():
        if card.plug == plug and card.backbone in ("", architecture):
            return card
    return None


def load_module(path: Path, backbone: Backbone) -> LoadedModule:
    """Load a module file, check that it fits *backbone*, and fuse it.

    Raises:
        ModuleError: no AFD module, or trained for other stem features.
        BackboneError: the plug point does not exist in this backbone.
    """
    module, metadata = weights_file.load(path)
    plug, where = metadata.get("plug", ""), metadata.get("where", "")
    if plug == "stem":
        _check_fit(path, metadata, module, backbone)
    elif plug != "input":
        raise ModuleError(f"{path} does not say where it is plugged in; train it again")
    if not module.config.fused:
        module = module.reparameterize()
    module = module.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return LoadedModule(
        module, "stem" if plug == "stem" else "input", where, path, weights.sha256(path)
    )


def _check_fit(path: Path, metadata: dict[str, str], module: AFDModule, backbone: Backbone) -> None:
    size = (backbone.spec.height, backbone.spec.width)
    point = find_stem(backbone.net, size, metadata["where"])
    config = module.config
    outputs = [point.where, *config.signature_names]
    names = dict(backbone.net.named_modules())
    mine = [torch.tensor(part) for part in json.loads(metadata["signature"])]
    same = point.channels == config.channels and all(
        name in names for name in (*outputs, *config.norm_layer_names)
    )
    theirs = signature(backbone.net, outputs) if same else []
    if len(mine) != len(theirs) or not all(map(_alike, mine, theirs)):
        raise ModuleError(
            f"{path} was trained for the features of "
            f"{metadata.get('backbone', 'another backbone')}, "
            f"which differs from {backbone.name} with these weights; train one with `afd train`, "
            "or use --afd auto"
        )


def _alike(mine: Tensor, theirs: Tensor) -> bool:
    near = mine.shape == theirs.shape and (mine - theirs).norm() <= _TOLERANCE * mine.norm()
    return bool(near)


@torch.inference_mode()
def signature(net: nn.Module, outputs: Sequence[str]) -> list[Tensor]:
    """Mean of each channel of the *outputs* (modules' names) for one fixed picture, (C,) float32.

    Tells two sets of weights of the same architecture apart: a stem module fits only one.
    """
    captured: dict[str, Tensor] = {}
    handles = [
        net.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: captured.update({name: out.float().mean((0, 2, 3))})
        )
        for name in outputs
    ]
    parameter = next(net.parameters())
    try:
        net(_probe().to(parameter.device, parameter.dtype))
    finally:
        for handle in handles:
            handle.remove()
    return [captured[name].cpu() for name in outputs]


def _probe() -> Tensor:
    """A fixed colourful picture with all orientations and frequencies, (1, 3, 224, 224)."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 224), torch.linspace(-1, 1, 224), indexing="ij")
    waves = [
        torch.sin(40 * (x * x + y * y) + k) + 0.5 * torch.cos(9 * x - 5 * y * k) for k in range(3)
    ]
    return torch.stack(waves)[None]

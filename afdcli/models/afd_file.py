"""Find the AFD module for a backbone: a file, a shipped stem module, or the `input` module."""

from __future__ import annotations

import json
import shlex
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
from afdcli.storage.text import clean
from afdcli.view.spec import ViewSpec

_LONGEST_SIGNATURE = 1 << 22  # characters; that of a large classifier has 200,000
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
    """The view for *backbone* with that module; it holds only the coefficients that are read."""
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
        f"recovers less; train one with `{train_command(backbone)}`"
    )
    return replace(load_module(weights.verified(general.file.name), backbone), note=note)


def shipped_module(
    name: str, plug: Plug, cards: Sequence[weights.Card] | None = None
) -> weights.Card | None:
    """The shipped module of that *plug* for the classifier *name*, by its card alone.

    Args:
        cards: `weights.cards()`, where they were read already.
    """
    architecture = name.split(".", 1)[0]
    for card in weights.cards() if cards is None else cards:
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
    config = module.config
    if plug == "stem":
        _check_fit(path, metadata, config, backbone)
    elif plug != "input":
        raise ModuleError(f"{path} does not say where it is plugged in; train it again")
    elif where or config.corrected_names or config.channels != 3:
        raise ModuleError(
            f"{path} is damaged: a module in front of a classifier takes RGB, and changes nothing "
            "behind; train it again"
        )
    if not module.config.fused:
        module = module.reparameterize()
    module = module.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return LoadedModule(
        module, "stem" if plug == "stem" else "input", where, path, weights.sha256(path)
    )


def train_command(backbone: Backbone) -> str:
    """What to type for a module of *backbone*'s own."""
    options = backbone.options or shlex.join(("--backbone", backbone.name))
    return f"afd train {options} --data DIR"


def _check_fit(path: Path, metadata: dict[str, str], config: AFDConfig, backbone: Backbone) -> None:
    """See that a stem module was trained for this very backbone. Raises ModuleError."""
    where = metadata.get("where", "")
    if not where:
        raise ModuleError(f"{path} does not say behind which layer it sits; train it again")
    compared = [where, *config.signature_names]
    mine = _stored_signature(path, metadata, len(compared))
    channels = {stage.where: stage.channels for stage in config.stages}
    channels |= {layer.where: layer.channels for layer in config.norm_layers}
    channels[where] = config.channels
    theirs = _channel_means(backbone.net, [*compared, *channels])
    same = all(name in theirs and len(theirs[name]) == n for name, n in channels.items())
    if not same or not all(_alike(m, theirs[name]) for m, name in zip(mine, compared, strict=True)):
        trained_for = clean(metadata.get("backbone", ""))[:200] or "another backbone"
        raise ModuleError(
            f"{path} was trained for the features of {trained_for}, not for those of "
            f"{backbone.name} with these weights: use --afd auto, or train one with "
            f"`{train_command(backbone)}`"
        )


def _stored_signature(path: Path, metadata: dict[str, str], count: int) -> list[Tensor]:
    """The signature in a module's metadata, of *count* outputs. Raises ModuleError."""
    text = metadata.get("signature", "")
    try:
        parts = json.loads(text) if len(text) <= _LONGEST_SIGNATURE else None
        if not isinstance(parts, list) or len(parts) != count:
            raise ValueError("it is not of as many outputs as the module changes")
        vectors = [torch.tensor(part, dtype=torch.float32) for part in parts]
        if not all(vector.ndim == 1 and vector.isfinite().all() for vector in vectors):
            raise ValueError("its numbers are not finite")
    except (ValueError, TypeError, RuntimeError, OverflowError, RecursionError) as error:
        raise ModuleError(
            f"{path} does not say for which weights it was trained (its signature is missing or "
            "damaged); train it again"
        ) from error
    return vectors


def _alike(mine: Tensor, theirs: Tensor) -> bool:
    near = mine.shape == theirs.shape and (mine - theirs).norm() <= _TOLERANCE * mine.norm()
    return bool(near)


def signature(net: nn.Module, outputs: Sequence[str]) -> list[Tensor]:
    """Mean of each channel of the *outputs* (modules' names) for one fixed picture, (C,) float32.

    Tells two sets of weights of the same architecture apart: a stem module fits only one.
    """
    means = _channel_means(net, outputs)
    return [means[name] for name in outputs]


@torch.inference_mode()
def _channel_means(net: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
    """See `signature`; without the names that *net* has not, or whose outputs have another form."""
    captured: dict[str, Tensor] = {}

    def capture(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            captured[name] = output.float().mean((0, 2, 3)).cpu()

    modules = dict(net.named_modules())
    handles = [
        modules[name].register_forward_hook(lambda _m, _i, out, name=name: capture(name, out))
        for name in dict.fromkeys(names)
        if name in modules
    ]
    parameter = next(net.parameters())
    try:
        net(_probe().to(parameter.device, parameter.dtype))
    finally:
        for handle in handles:
            handle.remove()
    return captured


def _probe() -> Tensor:
    """A fixed colourful picture with all orientations and frequencies, (1, 3, 224, 224)."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 224), torch.linspace(-1, 1, 224), indexing="ij")
    waves = [
        torch.sin(40 * (x * x + y * y) + k) + 0.5 * torch.cos(9 * x - 5 * y * k) for k in range(3)
    ]
    return torch.stack(waves)[None]

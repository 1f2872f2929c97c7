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
from afdcli.models.facts import ModuleFacts
from afdcli.models.hooks import Plug
from afdcli.models.loader import Backbone
from afdcli.models.watch import watching
from afdcli.storage.text import clean
from afdcli.view.spec import ViewSpec

_LONGEST_SIGNATURE = 1 << 22  # characters; that of a large classifier has 200,000
_PROBE = 224  # height and width in pixels of the picture that signatures are made of
_TOLERANCE = 0.02  # relative; float16 weights move a signature by about 1e-3


@dataclass(frozen=True)
class LoadedModule:
    """A module that is ready to use: fused, in eval mode.

    Attributes:
        module: the network.
        plug: "stem" or "input".
        where: name of the backbone's layer that it sits behind; "" at the input.
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

    @property
    def facts(self) -> ModuleFacts:
        """What is said about it."""
        config = self.module.config
        stages, norm_layers = tuple(config.stage_names), tuple(config.norm_layer_names)
        return ModuleFacts(self.plug, self.where, stages, norm_layers, self.path, self.sha256)


def view_for(config: AFDConfig, spec: ViewSpec) -> ViewSpec:
    """The view *spec* with the coefficients that a module of *config* reads."""
    # Without gates nothing reads the grid, but exported models still take all of it.
    means = config.grid_channels == GRID_CHANNELS or config.gate == "none"
    return replace(spec, coefficients=config.coefficients, means=means)


def view_of(backbone: Backbone, loaded: LoadedModule | None) -> ViewSpec:
    """The view for *backbone* with the module *loaded*, without coefficients it does not read."""
    if loaded is None:
        return replace(backbone.spec, coefficients="none")
    if not isinstance(loaded.module, AFDModule):  # a reference method of the benchmarks
        return backbone.spec
    return view_for(loaded.module.config, backbone.spec)


def find_module(afd: str, backbone: Backbone) -> LoadedModule | None:
    """The module for *backbone*. *afd* is "auto", "best", "off", a module file, or a shipped name.

    "auto" is the light stem module that ships for this backbone, else the `input` module, with a
    note that says so. "best" is the best module that ships for it.

    Raises:
        ModuleError: the file is not an AFD module, or was trained for other stem features; or no
            best module ships for this backbone.
    """
    if afd == "off":
        return None
    if afd == "best":
        return load_module(_best(backbone), backbone)
    if afd != "auto":
        return load_module(_named(afd), backbone)
    stem = weights.find_card(backbone.name, "stem")
    if stem is not None:
        path = weights.verified(stem.file.name)  # raises if the file was changed
        # It does not fit other weights of the same name (--checkpoint); the input module fits any.
        with suppress(ModuleError, BackboneError):
            return load_module(path, backbone)
    general = weights.find_card(backbone.name, "input")
    if general is None:
        return None
    note = (
        f"no AFD module for {backbone.name}: using the general input module, which "
        f"recovers less; train one with `{train_command(backbone)}`"
    )
    return replace(load_module(weights.verified(general.file.name), backbone), note=note)


def _best(backbone: Backbone) -> Path:
    """The file of the shipped best module. Raises ModuleError if there is none."""
    best = weights.find_card(backbone.name, "best")
    if best is not None:
        return weights.verified(best.file.name)
    light = weights.find_card(backbone.name, "stem") is not None
    raise ModuleError(
        f"no best AFD module ships for {backbone.name}, only the "
        f"{'light one' if light else 'general input module'}: use --afd auto, or train one with "
        f"`{train_command(backbone, '--preset best')}` and give its file to --afd"
    )


def _named(afd: str) -> Path:
    """The file *afd*; if there is none, the shipped file of that name, with or without suffix."""
    path = Path(afd)
    if path.exists():
        return path
    names = {card.file.name for card in weights.cards()}
    return next((weights.verified(n) for n in (afd, f"{afd}.safetensors") if n in names), path)


def load_module(path: Path, backbone: Backbone) -> LoadedModule:
    """Load a module file, check that it fits *backbone*, and fuse it.

    Raises:
        ModuleError: not an AFD module, or trained for other stem features.
        BackboneError: the plug point does not exist in this backbone.
    """
    module, metadata = weights_file.load(path)
    plug, where = metadata.get("plug", ""), metadata.get("where", "")
    config = module.config
    if plug == "stem":
        _check_fit(path, metadata, config, backbone)
    elif plug != "input":
        raise ModuleError(f"{path} does not say where to plug it in; train it again")
    elif where or config.corrected_names or config.channels != 3:
        raise ModuleError(
            f"{path} is damaged: an input module takes RGB and changes no layers of the "
            "classifier; train it again"
        )
    if not module.config.fused:
        module = module.reparameterize()
    module = module.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return LoadedModule(
        module, "stem" if plug == "stem" else "input", where, path, weights.sha256(path)
    )


def train_command(backbone: Backbone, more: str = "") -> str:
    """The command that trains a module for *backbone*, with *more* options."""
    options = backbone.options or shlex.join(("--backbone", backbone.name))
    return " ".join(filter(None, ("afd train", options, more, "--data DIR")))


def _check_fit(path: Path, metadata: dict[str, str], config: AFDConfig, backbone: Backbone) -> None:
    """Check that a stem module was trained for these weights. Raises ModuleError."""
    where = metadata.get("where", "")
    if not where:
        raise ModuleError(f"{path} does not name the layer that it sits behind; train it again")
    compared = [where, *config.signature_names]
    mine = _stored_signature(path, metadata, len(compared))
    channels = {stage.where: stage.channels for stage in config.stages}
    channels |= {layer.where: layer.channels for layer in config.norm_layers}
    channels[where] = config.channels
    size = (backbone.spec.height, backbone.spec.width)
    theirs = _channel_means(backbone.net, [*compared, *channels], size)
    same = all(name in theirs and len(theirs[name]) == n for name, n in channels.items())
    if not same or not all(_alike(m, theirs[name]) for m, name in zip(mine, compared, strict=True)):
        trained_for = clean(metadata.get("backbone", ""))[:200] or "another backbone"
        raise ModuleError(
            f"{path} was trained for {trained_for}, not for {backbone.name} with these weights: "
            f"use --afd auto, or train a module with "
            f"`{train_command(backbone)}`"
        )


def _stored_signature(path: Path, metadata: dict[str, str], count: int) -> list[Tensor]:
    """Read the signature, of *count* outputs, from a module's metadata. Raises ModuleError."""
    text = metadata.get("signature", "")
    try:
        parts = json.loads(text) if len(text) <= _LONGEST_SIGNATURE else None
        if not isinstance(parts, list) or len(parts) != count:
            raise ValueError(f"it does not have {count} outputs")
        vectors = [torch.tensor(part, dtype=torch.float32) for part in parts]
        if not all(vector.ndim == 1 and vector.isfinite().all() for vector in vectors):
            raise ValueError("it contains NaN or infinity")
    except (ValueError, TypeError, RuntimeError, OverflowError, RecursionError) as error:
        raise ModuleError(
            f"{path} does not tell which weights it was trained for (its signature is missing or "
            "damaged); train it again"
        ) from error
    return vectors


def _alike(mine: Tensor, theirs: Tensor) -> bool:
    near = mine.shape == theirs.shape and (mine - theirs).norm() <= _TOLERANCE * mine.norm()
    return bool(near)


def signature_text(net: nn.Module, where: str, config: AFDConfig, size: tuple[int, int]) -> str:
    """The `signature` of *net* for a stem module of *config* behind *where*, for its metadata."""
    parts = signature(net, [where, *config.signature_names], size)
    return json.dumps([[round(value, 6) for value in part.tolist()] for part in parts])


def signature(net: nn.Module, outputs: Sequence[str], size: tuple[int, int]) -> list[Tensor]:
    """Channel means of the *outputs* (names of layers) for one fixed picture, each (C,) float32.

    They tell two sets of weights of one architecture apart; a stem module fits only one.

    Args:
        size: (height, width) of the picture if *net* does not take 224x224.
    """
    means = _channel_means(net, outputs, size)
    return [means[name] for name in outputs]


@torch.inference_mode()
def _channel_means(
    net: nn.Module, names: Sequence[str], size: tuple[int, int]
) -> dict[str, Tensor]:
    """As `signature`, by name; skips layers that *net* lacks or whose output is not 4-D."""
    captured: dict[str, Tensor] = {}

    def capture(name: str, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            captured[name] = output.float().mean((0, 2, 3)).cpu()

    parameter = next(net.parameters())
    wanted = {name: module for name, module in net.named_modules() if name in names}
    with watching(wanted, capture):
        try:
            net(_probe(_PROBE, _PROBE).to(parameter.device, parameter.dtype))
        except Exception:  # what transformers raise for another size than their own
            if size == (_PROBE, _PROBE):
                raise
            net(_probe(*size).to(parameter.device, parameter.dtype))
    return captured


def _probe(height: int, width: int) -> Tensor:
    """A fixed picture with all orientations and frequencies, (1, 3, height, width) float32."""
    lines = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    y, x = torch.meshgrid(*lines, indexing="ij")
    waves = [
        torch.sin(40 * (x * x + y * y) + k) + 0.5 * torch.cos(9 * x - 5 * y * k) for k in range(3)
    ]
    return torch.stack(waves)[None]

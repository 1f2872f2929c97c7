"""Load a classifier by name, with weights from timm's hub, a file, user code or a package."""

from __future__ import annotations

import difflib
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data.config import resolve_model_data_config
from timm.models import get_pretrained_cfg, is_model
from torch import Tensor, nn

from afdcli.errors import BackboneError
from afdcli.models import hub
from afdcli.models.checkpoint import load_weights
from afdcli.models.class_names import ClassNames, find_class_names
from afdcli.models.facts import ClassifierFacts
from afdcli.models.imports import import_source
from afdcli.models.packaged import create_packaged, find_package, weights_file
from afdcli.models.shipped import DEFAULT
from afdcli.view.spec import ViewSpec, spec_from_data_config

#: Largest embedding of timm's own encoders, which have no classes.
_WIDEST_EMBEDDING = 2048


@dataclass(frozen=True)
class Backbone:
    """A frozen classifier and how to feed it.

    Attributes:
        name: timm name (``resnet50``, ``resnet50.a1_in1k``) or the name of a registered model.
        net: the network, eval mode, no gradients, channels_last, float32.
        spec: how photos are resized and cropped for it.
        mean, std: of its input normalisation, for pixels from 0 to 1.
        class_names: one per output.
        origin: where the weights came from, for the metadata of a run.
        names_from: where the class names came from, for the metadata of a run.
        note: a sentence for the user if the class names are assumed, or "".
        options: command-line options that select this classifier, shell-quoted.
        files: all files that its weights and names were read from; None if these are not known, as
            for the hub and for imported code.
    """

    name: str
    net: nn.Module
    spec: ViewSpec
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    class_names: tuple[str, ...]
    origin: str
    names_from: str = ""
    note: str = ""
    options: str = ""
    files: tuple[Path, ...] | None = None

    @property
    def facts(self) -> ClassifierFacts:
        """What is said about it."""
        return ClassifierFacts(
            self.name, self.spec, self.class_names, self.origin, self.names_from, self.note
        )


def load_backbone(
    name: str = DEFAULT,
    *,
    checkpoint: Path | None = None,
    imports: Sequence[str] = (),
    class_names: Path | None = None,
) -> Backbone:
    """Build the classifier *name* with its weights.

    Args:
        name: any timm name, ``name.tag``, ``hf-hub:owner/name``, ``local-dir:folder``, or a model
            that an entry of *imports* registers.
        checkpoint: weights file (safetensors, or a state dict of plain tensors).
        imports: Python files or dotted modules to run first; they may register timm models.
        class_names: text file with one class name per line, or JSON, see
            `afdcli.models.class_names.names_of`.

    Raises:
        BackboneError: unknown name, missing weights, weights that do not fit, or a network that
            does not map an RGB picture to two or more classes.
    """
    for source in imports:
        import_source(source)
    _check_name(name)
    stored_names: tuple[str, ...] | None = None
    package = find_package(name)
    own_weights = checkpoint is None
    weights: Path | None = None  # the only file that they were read from
    if checkpoint is not None:
        net = _build(name)
        stored_names = load_weights(net, checkpoint)
        origin, weights = checkpoint.name, checkpoint
    elif package is not None:
        net = create_packaged(name, package)
        origin, weights = f"package {package.distribution}", weights_file(package)
    elif is_pretrained(name):
        net = hub.create_pretrained(name)
        origin = f"timm hub: {hub.hub_id(name) or name}"
        # Copies by others keep the tag of the weights they were trained from.
        own_weights = ":" not in name or (hub.hub_id(name) or "").startswith("timm/")
    else:
        net = _self_loading(name)
        origin = "weights set by the imported model itself"
        own_weights = False
    net = net.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    config: dict[str, Any] = resolve_model_data_config(net)  # type: ignore[no-untyped-call]
    mean, std = tuple(config["mean"]), tuple(config["std"])
    if len(mean) != 3 or len(std) != 3:
        raise BackboneError(
            f"{name} takes pictures with {len(mean)} channels; afd needs a classifier for RGB"
        )
    spec = spec_from_data_config(config)
    names = _name_outputs(name, net, spec, class_names, stored_names, own_weights)
    return Backbone(
        name=name,
        net=net,
        spec=spec,
        mean=mean,
        std=std,
        class_names=names.names,
        origin=origin,
        names_from=names.source,
        note=names.note,
        options=_options(name, checkpoint, imports),
        files=None if imports or weights is None else (weights, *filter(None, (class_names,))),
    )


def is_pretrained(name: str) -> bool:
    """True if timm knows weights for *name*, or *name* is an address such as hf-hub:…."""
    if ":" in name:
        return True
    cfg = get_pretrained_cfg(name, allow_unregistered=True)
    return bool(cfg and cfg.has_weights)


def _check_name(name: str) -> None:
    """Check that timm has a classifier called *name*. Raises BackboneError."""
    source, colon, address = name.partition(":")
    if colon and source in ("hf-hub", "hf_hub", "local-dir") and address:
        if source == "local-dir" and not (Path(address) / "config.json").is_file():
            raise BackboneError(
                f"--backbone {name}: this folder does not exist or has no config.json of timm"
            )
        return
    if "/" in name or colon:
        raise BackboneError(_no_address(name))
    architecture, _, tag = name.partition(".")
    if not is_model(architecture):
        raise BackboneError(_unknown(name))
    if find_package(name) is not None:
        return
    try:
        cfg = get_pretrained_cfg(name, allow_unregistered=True)
    except RuntimeError as error:
        raise BackboneError(_no_tag(architecture, tag)) from error
    if cfg is None or not cfg.has_weights:
        return  # the user's own model: its outputs are checked later
    if cfg.num_classes == 0:
        raise BackboneError(_headless(name))
    of_timm = (cfg.hf_hub_id or "").startswith("timm/")
    if of_timm and cfg.num_classes <= _WIDEST_EMBEDDING and cfg.num_classes != 1000:
        raise BackboneError(
            f"{name} is not a classifier: its {cfg.num_classes:,} outputs are an embedding; choose "
            "a model with classes (`afd models SEARCH`)"
        )


def _no_address(name: str) -> str:
    path = name.split("huggingface.co/", 1)[-1].strip("/")
    if Path(name).is_dir():
        return f"--backbone {name}: for a folder with a timm model use local-dir:{name}"
    return (
        f"no backbone {name!r} in timm {timm.__version__}; for a model on the Hugging Face hub "
        f"use --backbone hf-hub:{path.partition(':')[2] or path}"
    )


def _no_tag(architecture: str, tag: str) -> str:
    known = [item.partition(".")[2] for item in timm.list_pretrained(f"{architecture}.*")]
    if not known:
        return (
            f"timm {timm.__version__} has no weights for {architecture}: "
            f"use --backbone {architecture} --checkpoint FILE"
        )
    near = difflib.get_close_matches(tag, known, n=1)
    hint = f"did you mean {architecture}.{near[0]}? " if near else ""
    return f"no weights {tag!r} for {architecture}; {hint}available: {', '.join(known)}"


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, timm.list_models(), n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "`afd models SEARCH` lists them."
    return (
        f"no backbone {name!r} in timm {timm.__version__}; {hint} "
        "--import FILE.py registers your own models"
    )


def _headless(name: str) -> str:
    return (
        f"{name} is not a classifier: it has no classes (num_classes is 0); choose a model with "
        "classes (`afd models SEARCH`)"
    )


def _build(name: str, pretrained: bool = False) -> nn.Module:
    """``timm.create_model``, with one-line errors for faults in a user's model."""
    try:
        net: nn.Module = timm.create_model(name, pretrained=pretrained)
    except (Exception, SystemExit) as error:  # the model may be any code
        reason = next(iter(str(error).strip().splitlines()), "")
        raise BackboneError(f"{name} cannot be built: {type(error).__name__}: {reason}") from error
    return net


def _self_loading(name: str) -> nn.Module:
    """Build a registered model that timm knows no weights for; it must load its own.

    Two builds with different seeds are equal only if weights were loaded. Random weights would give
    results that look right and mean nothing.
    """
    builds: list[nn.Module] = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            builds.append(_build(name, pretrained=True))
    first, second = (build.state_dict() for build in builds)
    if not all(torch.equal(first[key], second[key]) for key in first):
        raise BackboneError(f"{name} loads no weights of its own; give --checkpoint FILE")
    return builds[0]


def _name_outputs(
    name: str,
    net: nn.Module,
    spec: ViewSpec,
    file: Path | None,
    stored: tuple[str, ...] | None,
    own_weights: bool,
) -> ClassNames:
    """Find the class names, after checking that *net* has classes."""
    if getattr(net, "num_classes", None) == 0:
        raise BackboneError(_headless(name))
    count = _count_outputs(name, net, spec)
    if count < 2:
        raise BackboneError(
            f"{name} has only one output, whose probability is always 1: "
            "afd needs a classifier with two or more classes"
        )
    config: Any = getattr(net, "pretrained_cfg", None)
    if not isinstance(config, Mapping):
        config = config.to_dict() if hasattr(config, "to_dict") else {}
    return find_class_names(count, config, file=file, stored=stored, own_weights=own_weights)


@torch.inference_mode()
def _count_outputs(name: str, net: nn.Module, spec: ViewSpec) -> int:
    """Number of outputs of *net* for one picture. Raises BackboneError."""
    parameter = next(net.parameters(), torch.zeros(1))
    picture = torch.zeros(1, 3, spec.height, spec.width, dtype=parameter.dtype)
    try:
        answer = net(picture.to(parameter.device))
    except (Exception, SystemExit) as error:  # the model may be any code
        first = next((m for m in net.modules() if isinstance(m, nn.Conv2d)), None)
        if first is not None and first.in_channels != 3:
            channels = first.in_channels
            reason = f"it takes pictures with {channels} channel{'s' * (channels > 1)}, not RGB"
        else:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise BackboneError(
            f"{name} fails on an RGB picture of {spec.width}x{spec.height}: {reason}"
        ) from error
    if not isinstance(answer, Tensor) or answer.ndim != 2 or answer.shape[0] != 1:
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise BackboneError(
            f"{name} is not a classifier: its output for one picture is {shape}, not one number "
            "per class"
        )
    return math.prod(answer.shape)


def _options(name: str, checkpoint: Path | None, imports: Sequence[str]) -> str:
    words = ["--backbone", name]
    for source in imports:
        words += ["--import", source]
    if checkpoint is not None:
        words += ["--checkpoint", str(checkpoint)]
    return shlex.join(words)

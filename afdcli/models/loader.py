"""A classifier by name: from timm's hub, a file, a user's own code, or a package."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import json
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from timm.data.config import resolve_model_data_config
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from timm.models import get_pretrained_cfg, is_model, load_checkpoint
from torch import nn

from afdcli.errors import BackboneError
from afdcli.models import hub
from afdcli.models.packaged import DEFAULT, create_packaged, find_package
from afdcli.view.spec import ViewSpec, spec_from_data_config


@dataclass(frozen=True)
class Backbone:
    """A frozen classifier and what it wants to see.

    Attributes:
        name: timm name (``resnet50``, ``resnet50.a1_in1k``) or the name of a registered model.
        net: the network, eval mode, no gradients, channels_last, float32.
        spec: how photos are resized and cropped for it.
        mean, std: of its normalisation, for pixels in 0 ... 1.
        class_names: one per output.
        origin: where the weights came from, for the metadata of a run.
    """

    name: str
    net: nn.Module
    spec: ViewSpec
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    class_names: tuple[str, ...]
    origin: str


def load_backbone(
    name: str = DEFAULT,
    *,
    checkpoint: Path | None = None,
    imports: Sequence[str] = (),
    class_names: Path | None = None,
) -> Backbone:
    """Build the classifier *name* with its weights.

    Args:
        name: any timm name, ``name.tag``, or a model that an entry of *imports* registers.
        checkpoint: weights file (safetensors, or a state dict of plain tensors).
        imports: Python files or dotted modules to run first; they may register timm models.
        class_names: text file with one class name per line, or a JSON list.

    Raises:
        BackboneError: unknown name, no weights to be had, or weights that do not fit.
    """
    for source in imports:
        import_source(source)
    if not is_model(name.split(".", 1)[0]) and "/" not in name:
        raise BackboneError(_unknown(name))
    stored_names: tuple[str, ...] | None = None
    package = find_package(name)
    if checkpoint is not None:
        net = timm.create_model(name)
        stored_names = load_weights(net, checkpoint)
        origin = checkpoint.name
    elif package is not None:
        net = create_packaged(name, package)
        origin = f"package {package.distribution}"
    elif is_pretrained(name):
        net = hub.create_pretrained(name)
        origin = f"timm hub: {hub.hub_id(name) or name}"
    else:
        net = _self_loading(name)
        origin = "weights set by the imported model itself"
    net = net.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    config: dict[str, Any] = resolve_model_data_config(net)  # type: ignore[no-untyped-call]
    return Backbone(
        name=name,
        net=net,
        spec=spec_from_data_config(config),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        class_names=_class_names(net, class_names, stored_names),
        origin=origin,
    )


def import_source(source: str) -> None:
    """Run a Python file or import a dotted module, so that it may register models with timm.

    Raises:
        BackboneError: it does not exist, or fails while it is imported.
    """
    try:
        if not source.endswith(".py"):
            importlib.import_module(source)
            return
        path = Path(source)
        if not path.is_file():
            raise BackboneError(f"--import {source}: no such file")
        if path.stem in sys.modules and getattr(sys.modules[path.stem], "__file__", "") == str(
            path.resolve()
        ):
            return
        spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module  # timm's registry looks its caller up there
        spec.loader.exec_module(module)
    except BackboneError:
        raise
    except Exception as error:  # anything can go wrong in a user's file; name the file
        raise BackboneError(
            f"--import {source} failed with {type(error).__name__}: {error}"
        ) from error


def is_pretrained(name: str) -> bool:
    """True where timm knows weights for *name* (or it is a hub address)."""
    if "/" in name:
        return True
    cfg = get_pretrained_cfg(name, allow_unregistered=True)
    return bool(cfg and cfg.has_weights)


def load_weights(net: nn.Module, path: Path) -> tuple[str, ...] | None:
    """Load *path* into *net*; returns the class names stored in it, if any.

    Only tensors are ever unpickled (``weights_only=True``), never objects.

    Raises:
        BackboneError: missing, unreadable, or made for another architecture.
    """
    if not path.is_file():
        raise BackboneError(f"--checkpoint {path}: no such file")
    try:
        load_checkpoint(net, str(path), weights_only=True)
    except (RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(":")
        raise BackboneError(
            f"--checkpoint {path} does not fit this backbone: {reason}; "
            "check that --backbone names the architecture it was trained with"
        ) from error
    except (SafetensorError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise BackboneError(f"--checkpoint {path} is no readable weights file: {error}") from error
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, "pt") as file:
        text = (file.metadata() or {}).get("class_names")
    return tuple(json.loads(text)) if text else None


def _self_loading(name: str) -> nn.Module:
    """A registered model without known weights: accept it only if it brings its own.

    Two builds from different seeds agree only where weights were loaded; random weights would
    give rows that look right and mean nothing.
    """
    builds: list[nn.Module] = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            builds.append(timm.create_model(name, pretrained=True))
    first, second = (build.state_dict() for build in builds)
    if not all(torch.equal(first[key], second[key]) for key in first):
        raise BackboneError(
            f"{name} has no pre-trained weights that afd could find; give --checkpoint FILE"
        )
    return builds[0]


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, timm.list_models(), n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "see timm.list_models()"
    return (
        f"no backbone {name!r} in timm {timm.__version__}; {hint} "
        "Models of your own are registered with --import FILE.py"
    )


def _class_names(
    net: nn.Module, file: Path | None, stored: tuple[str, ...] | None
) -> tuple[str, ...]:
    """Class names from a file, the weights, timm's ImageNet tables, or plain numbers."""
    count = int(getattr(net, "num_classes", 0)) or len(stored or ())
    if file is not None:
        names = read_class_names(file)
        if len(names) != count:
            raise BackboneError(
                f"--class-names {file} has {len(names)} names, the backbone {count} classes"
            )
        return names
    if stored is not None and len(stored) == count:
        return stored
    subset = infer_imagenet_subset(net)
    if subset:
        info = ImageNetInfo(subset)
        return tuple(info.index_to_description(i).split(",")[0] for i in range(count))
    return tuple(str(i) for i in range(count))


def read_class_names(file: Path) -> tuple[str, ...]:
    """One name per line, or a JSON list. Raises BackboneError where that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".json":
            names: Any = json.loads(text)
            return tuple(str(name) for name in names)
    except (OSError, ValueError, TypeError) as error:
        raise BackboneError(f"--class-names {file} cannot be read: {error}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())

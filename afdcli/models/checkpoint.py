"""Weights of a classifier from a file of the user's, for ``--checkpoint``."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from timm.models import clean_state_dict
from torch import Tensor, nn

from afdcli.errors import BackboneError
from afdcli.models.class_names import KEYS, names_of, parsed

#: Where training programs keep the weights inside of what they save; averaged ones first.
_STATES = ("state_dict_ema", "model_ema", "state_dict", "model")


def load_weights(net: nn.Module, path: Path) -> tuple[str, ...] | None:
    """Load *path* into *net*; returns the class names stored in it, if any.

    Only tensors and plain containers are ever unpickled (``weights_only=True``), never objects.

    Raises:
        BackboneError: missing, unreadable, or made for another architecture or other classes.
    """
    if not path.is_file():
        raise BackboneError(f"--checkpoint {path}: no such file")
    state, facts = _read(path)
    try:
        net.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise BackboneError(_misfit(net, state, path)) from error
    found = next((facts[key] for key in KEYS if _may_be_names(facts.get(key))), None)
    if found is None:
        return None
    try:
        return names_of({"names": parsed(found) if isinstance(found, str) else found})
    except (ValueError, RecursionError) as error:
        raise BackboneError(
            f"--checkpoint {path}: its class names cannot be read: {error}"
        ) from error


def _may_be_names(value: object) -> bool:
    """Whether *value* may hold class names; training programs also store their number there."""
    if isinstance(value, str):
        return value.lstrip()[:1] in ("[", "{")
    return isinstance(value, list | tuple | Mapping) and len(value) > 0


def _read(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    """The tensors of *path* by name, and what else it says."""
    try:
        if path.suffix.lower() == ".safetensors":
            with safe_open(path, "pt") as file:
                facts: Mapping[str, Any] = file.metadata() or {}
            return clean_state_dict(load_file(path)), facts
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        what = (
            "it holds Python objects, which are never loaded; save its state_dict alone"
            if zipfile.is_zipfile(path)
            else "it is neither safetensors nor what torch.save wrote"
        )
        raise BackboneError(f"--checkpoint {path} is no readable weights file: {what}") from error
    except Exception as error:  # torch raises many kinds for bytes that are no weights
        raise BackboneError(
            f"--checkpoint {path} is no readable weights file: {_line(error)}"
        ) from error
    if not isinstance(stored, Mapping):
        raise BackboneError(
            f"--checkpoint {path} holds a {type(stored).__name__}, not a state dict: "
            "names of parameters with their tensors"
        )
    inner = next((stored[key] for key in _STATES if isinstance(stored.get(key), Mapping)), stored)
    state = {str(name): value for name, value in inner.items()}
    odd = next((name for name, value in state.items() if not isinstance(value, Tensor)), None)
    if odd is not None and inner is stored:  # names and the like may stand among the tensors
        state = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        odd = None if state else odd
    if odd is not None or not state:
        what = f"{odd} is a {type(inner[odd]).__name__}" if odd is not None else "it is empty"
        raise BackboneError(f"--checkpoint {path} holds no state dict of tensors: {what}")
    return clean_state_dict(state), stored


def _misfit(net: nn.Module, state: Mapping[str, Tensor], path: Path) -> str:
    """Why *state* cannot be loaded, in one line."""
    own = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    other = [name for name in own if name in shapes and own[name] != shapes[name]]
    count = getattr(net, "num_classes", None)
    heads = [
        name
        for name in other
        if own[name][:1] == (count,) and own[name][1:] == shapes[name][1:] and shapes[name]
    ]
    differ = sorted(own.keys() ^ shapes.keys())
    if heads and heads == other and not differ:
        return (
            f"--checkpoint {path} has {shapes[heads[0]][0]:,} classes, the backbone {count:,}; "
            "register the model with that many in a file of your own, and --import it"
        )
    name = next(iter([*differ, *other]), "")
    reason = f"it lacks {name}" if name in own else f"the backbone has no {name}"
    if not differ:
        reason = f"{name} has shape {shapes.get(name)}, not {own.get(name)}"
    return (
        f"--checkpoint {path} does not fit this backbone: {reason}; "
        "check that --backbone names the architecture it was trained with"
    )


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(":")

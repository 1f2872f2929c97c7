"""An AFD module's configuration from the text in its file, with every field checked.

The text may come from a stranger. It decides how much memory a module takes and which operations
it runs, so nothing is built before every field was found to be in range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, get_args

from afdcli.constants import CONTEXT_CHANNELS, GRID_CHANNELS
from afdcli.core.config import Activation, AFDConfig, Gate, NormLayer, Stage
from afdcli.errors import ModuleError

_LONGEST_TEXT = 1 << 20  # characters; a module for the largest classifiers of timm has 60,000
_LONGEST_NAME = 256  # characters of a name of a classifier's module
_MOST = {"hidden": 2, "stages": 512, "norm_layers": 4096}  # entries of these lists

#: Field -> smallest and largest value. The largest leave room above everything that timm has.
_RANGES: dict[str, tuple[int, int]] = {
    "channels": (1, 16384),
    "plug_stride": (1, 64),
    "width": (1, 512),
    "hidden": (1, 2048),
    "adapter_width": (0, 512),
    "film_width": (0, 1024),
    "stride": (1, 64),  # of a stage
}
#: Field -> all values that it can have.
_CHOICES: dict[str, tuple[object, ...]] = {
    "gate": get_args(Gate),
    "activation": get_args(Activation),
    "block": ("repconv", "conv"),
    "coefficients": ("file", "view"),
    "unshuffle": (1, 2, 4),
    "grid_channels": (GRID_CHANNELS // 2, GRID_CHANNELS),
    "context_channels": (CONTEXT_CHANNELS,),
    "guide": (False, True),
    "fused": (False, True),
}
_FE_STRIDES = (1, 2, 4)  # `AFDConfig.stride`
#: How fields were called in older files.
_OLD_NAMES = {
    "places": "norm_layers",
    "rank": "film_width",
    "side_channels": "context_channels",
    "stage_width": "adapter_width",
}


def read_config(text: str) -> AFDConfig:
    """Undo `AFDConfig.to_json`, of this version or an older one.

    Raises:
        ModuleError: the text does not describe a module, or one that is out of range.
    """
    try:
        if len(text) > _LONGEST_TEXT:
            raise ValueError(f"it is {len(text):,} characters long")
        return _config(_mapping(_renamed(json.loads(text)), AFDConfig))
    except RecursionError:
        raise ModuleError("the module's stored configuration is damaged: nested too deep") from None
    except ValueError as error:
        raise ModuleError(f"the module's stored configuration is damaged: {error}") from error


def _renamed(values: object) -> object:
    """*values* with today's names of fields. A field under both names is left for `_mapping`."""
    if not isinstance(values, Mapping):
        return values
    new = {name: _OLD_NAMES.get(name, name) for name in values}
    return {name if new[name] in values else new[name]: values[name] for name in values}


def _config(values: dict[str, Any]) -> AFDConfig:
    """An `AFDConfig` of *values*, all of them checked. Raises ValueError."""
    values.setdefault("plug_stride", 1 if values.get("unshuffle", 1) != 1 else 2)  # older files
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name == "hidden":
            checked[name] = tuple(_number(name, width) for width in _list(name, value))
            if len(checked[name]) != 2:
                raise ValueError(f"hidden is {_shown(value)}, not two widths")
        elif name == "stages":
            checked[name] = tuple(Stage(**_parts(part, Stage)) for part in _list(name, value))
        elif name == "norm_layers":
            parts = (_parts(part, NormLayer) for part in _list(name, value))
            checked[name] = tuple(NormLayer(**part) for part in parts)
        elif name == "stride":
            checked[name] = _choice(name, value, _FE_STRIDES)
        else:
            checked[name] = _field(name, value)
    config = AFDConfig(**checked)
    if config.stages and not config.adapter_width:
        raise ValueError("it has stages, but adapter_width is 0")
    if config.norm_layers and not config.film_width:
        raise ValueError("it has norm_layers, but film_width is 0")
    for names in (config.stage_names, config.norm_layer_names):
        if len(set(names)) < len(names):
            raise ValueError("a stage or a normalisation layer is listed twice")
    return config


def _mapping(values: object, kind: type) -> dict[str, Any]:
    """*values* as keyword arguments of the dataclass *kind*."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{_shown(values)} where a {kind.__name__} is expected")
    known = {f.name: f.default is MISSING for f in fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise ModuleError(
            f"the module was written by a newer afd (unknown settings: "
            f"{_shown(', '.join(unknown))}); upgrade with `pip install -U afdcli`"
        )
    if missing := [name for name, needed in known.items() if needed and name not in values]:
        raise ValueError(f"{', '.join(missing)} is missing")
    return dict(values)


def _parts(values: object, kind: type) -> dict[str, Any]:
    """*values* as keyword arguments of `Stage` or `NormLayer`, checked."""
    return {name: _field(name, value) for name, value in _mapping(values, kind).items()}


def _field(name: str, value: object) -> object:
    if name == "where":
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
            raise ValueError(f"where is {_shown(value)}, not the name of a module")
        return value
    return _choice(name, value, _CHOICES[name]) if name in _CHOICES else _number(name, value)


def _choice(name: str, value: object, choices: tuple[object, ...]) -> object:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        known = ", ".join(map(str, choices))
        raise ValueError(f"{name} is {_shown(value)}, not one of {known}")
    return value


def _number(name: str, value: object) -> int:
    low, high = _RANGES[name]
    if type(value) is not int or not low <= value <= high:  # True is an int, too
        raise ValueError(f"{name} is {_shown(value)}; it must be a whole number, {low} to {high}")
    return value


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST[name]:
        raise ValueError(f"{name} is {_shown(value)}, not a list of at most {_MOST[name]}")
    return value


def _shown(value: object) -> str:
    """*value* as an error shows it: in one short line."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."

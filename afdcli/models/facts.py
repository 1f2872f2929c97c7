"""What is said about a classifier and its module, as plain data that needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from afdcli.view.spec import ViewSpec


@dataclass(frozen=True)
class ClassifierFacts:
    """A classifier without its network; the attributes are those of `Backbone`."""

    name: str
    spec: ViewSpec
    class_names: tuple[str, ...]
    origin: str
    names_from: str
    note: str


@dataclass(frozen=True)
class ModuleFacts:
    """An AFD module without its network, see `afdcli.models.afd_file.LoadedModule`.

    Attributes:
        plug: "stem" or "input".
        where: name of the classifier's layer that it sits behind; "" at the input.
        stages: names of the blocks that it corrects, too.
        norm_layers: names of the normalisation layers that it corrects, too.
        path: of its file.
        sha256: of that file, hexadecimal.
    """

    plug: str
    where: str
    stages: tuple[str, ...]
    norm_layers: tuple[str, ...]
    path: Path
    sha256: str

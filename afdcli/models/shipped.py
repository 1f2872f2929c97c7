"""The AFD modules that ship with afd, each with a card beside it.

A file is called ``CLASSIFIER.KIND.safetensors``. A card is ``<weights file>.json``: what it is,
what it was trained on and how, its accuracy (`afdcli.models.measured`), its licence, and the
SHA-256 of the weights, which is checked before they are used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from afdcli.errors import AfdError, ModuleError

#: The default classifier. It stands here because importing `afdcli.models.packaged` loads torch.
DEFAULT = "tf_efficientnet_lite0"

#: What ships: a classifier's light stem module; its best one, which recovers more and takes longer;
#: the `input` module for all classifiers.
Kind = Literal["stem", "best", "input"]
OWN: tuple[Kind, ...] = ("stem", "best")  # of one classifier
SHOWN = {"stem": "light", "best": "best", "input": "general"}  # kind -> its name on the screen
AFD = {"stem": "--afd auto", "best": "--afd best", "input": "--afd any.input"}  # kind -> its option


@dataclass(frozen=True)
class Card:
    """The card beside a weights file.

    Attributes:
        file: the weights file.
        backbone: timm architecture that a stem module belongs to, else "".
        sha256: of the weights file, hexadecimal.
        facts: the whole card.
    """

    file: Path
    backbone: str
    sha256: str
    facts: dict[str, Any]

    @property
    def kind(self) -> str:
        """A `Kind`, from the file's name."""
        return self.file.stem.rpartition(".")[2]


def shipped(name: str, source: str) -> Path:
    """A folder that ships: *name* inside the installed package, or *source* in the repository."""
    package = Path(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / source


@cache
def folder() -> Path:
    """The folder of the shipped weights."""
    return shipped("weights", "weights")


def cards() -> list[Card]:
    """All cards, by file name. Raises AfdError for one that cannot be read."""
    return [_read(path) for path in sorted(folder().glob("*.safetensors.json"))]


def find_card(name: str, kind: Kind, among: Sequence[Card] | None = None) -> Card | None:
    """The card of the shipped module of *kind* for the classifier *name*, or None.

    Args:
        among: `cards()`, if they were read before.
    """
    architecture = name.split(".", 1)[0]
    for card in cards() if among is None else among:
        if card.kind == kind and card.backbone in ("", architecture):
            return card
    return None


def _read(path: Path) -> Card:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return Card(
            file=path.with_suffix(""),
            backbone=facts["backbone"],
            sha256=facts["sha256"],
            facts=facts,
        )
    except (OSError, ValueError, KeyError) as error:
        raise AfdError(f"the card {path} is damaged ({error}); reinstall afdcli") from error


def write_card(file: Path, facts: dict[str, Any]) -> Path:
    """Write the card of *file*, its hash included; returns the card's path."""
    card = file.with_suffix(file.suffix + ".json")
    text = json.dumps({**facts, "sha256": sha256(file)}, indent=2, ensure_ascii=False)
    card.write_text(text + "\n", encoding="utf-8")
    return card


def verified(name: str) -> Path:
    """Path of the shipped file *name*, once its hash was found to be the card's.

    Raises:
        ModuleError: the file or its card is missing, or was changed.
    """
    for card in cards():
        if card.file.name == name:
            if not card.file.is_file() or sha256(card.file) != card.sha256:
                raise ModuleError(f"{card.file} is missing or was changed; reinstall afdcli")
            return card.file
    raise ModuleError(f"{name} is not among the weights in {folder()}; reinstall afdcli")


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()

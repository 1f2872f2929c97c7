"""Measured accuracy and cost of the shipped AFD modules: what a user can expect of them.

The numbers stand in the cards. Those of accuracy are also in tables of
``examples/benchmarks/RESULTS.md``; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from afdcli.errors import AfdError
from afdcli.models.shipped import OWN, Card, cards

#: How accuracies were measured.
PROTOCOL = (
    "800 ImageNet validation photos, cropped to 224x224, then compressed once"
    " (examples/benchmarks/RESULTS.md)"
)

Pair = tuple[float, float]  # top-1 in % without and with AFD


@dataclass(frozen=True)
class Measured:
    """Top-1 of one classifier with one shipped module, in %, without and with AFD.

    Attributes:
        classifier: as RESULTS.md names it.
        clean: for uncompressed photos.
        by_quality: JPEG quality factor -> for photos compressed at it.
        added_time: % of the classifier's time that the module takes, float32, OpenVINO on a CPU;
            None if it was not measured.
    """

    classifier: str
    clean: Pair
    by_quality: dict[int, Pair]
    added_time: float | None = None

    @property
    def mean(self) -> Pair:
        """Mean over the qualities."""
        direct, afd = zip(*self.by_quality.values(), strict=True)
        return fmean(direct), fmean(afd)

    @property
    def recovered(self) -> float:
        """% of the lost top-1 that comes back, mean over the qualities."""
        pairs = self.by_quality.values()
        return 100 * fmean((afd - direct) / (self.clean[0] - direct) for direct, afd in pairs)


def of_card(card: Card) -> tuple[Measured, ...]:
    """What was measured of a shipped module, per classifier. Raises AfdError for a damaged card."""
    try:
        return tuple(
            Measured(
                each["classifier"],
                tuple(each["clean"]),
                {int(quality): tuple(pair) for quality, pair in each["by_quality"].items()},
                each.get("added_time"),
            )
            for each in card.facts.get("measured", ())
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AfdError(f"the card of {card.file} is damaged ({error}); reinstall afdcli") from error


def measured(module: Path) -> tuple[Measured, ...]:
    """What was measured of the module file *module*; empty if it does not ship with afd."""
    return next((of_card(card) for card in cards() if card.file == module), ())


def choices(module: Path) -> list[Card]:
    """The card of the shipped module file *module*, then those of its classifier's other modules.

    Empty if it does not ship with afd.
    """
    every = cards()
    used = [card for card in every if card.file == module]
    own = used and used[0].kind in OWN
    others = [card for card in every if own and card.backbone == used[0].backbone]
    return [*used, *(card for card in others if card not in used)]


def in_words(card: Card) -> str:
    """What a shipped module recovers and costs, e.g. "63 % recovered, 25 % more time"."""
    found = of_card(card)
    times = [each.added_time for each in found if each.added_time is not None]
    parts = (
        (_range([each.recovered for each in found]), "recovered"),
        (_range(times), "more time"),
    )
    return ", ".join(f"{values} % {what}" for values, what in parts if values) or "not measured"


def _range(values: Sequence[float]) -> str:
    ends = {f"{end:.0f}": None for end in (min(values), max(values))} if values else {}
    return " to ".join(ends)

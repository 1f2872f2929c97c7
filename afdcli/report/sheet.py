"""What a table is, whoever draws it."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

WIDE = 110  # columns of a screen from which intervals of everything fit


@dataclass(frozen=True)
class Sheet:
    """One table.

    Attributes:
        title: above it.
        header: column names; empty for a list of facts.
        rows: cells; the first `left` columns are aligned left, the rest right.
        notes: below it.
        left: number of columns of text.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    notes: tuple[str, ...] = ()
    left: int = 1


@dataclass(frozen=True)
class Layout:
    """How much is shown.

    Attributes:
        width: columns of the screen.
        bars: True to draw accuracies as bars.
        everything: True for all groups and changes, not the largest only.
        single: True to show also a breakdown into one group, which tells nothing new.
    """

    width: int = 80
    bars: bool = False
    everything: bool = False
    single: bool = False

    @property
    def wide(self) -> bool:
        """True where every interval fits."""
        return self.width >= WIDE

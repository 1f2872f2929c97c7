"""Which folder a row's picture belongs into, and where the picture is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.report.groups import band_name
from afdcli.results.origins import Origins
from afdcli.results.read import NUMBERS, TRUTH
from afdcli.results.rows import DIRECT
from afdcli.results.rows import UNSURE as UNSURE_COLUMN
from afdcli.results.stream import Cells
from afdcli.sort.names import UNSURE, class_folder, safe_name

_TRUTH = {"correct": ("wrong", "right"), UNSURE_COLUMN: ("sure", UNSURE)}


@dataclass(frozen=True)
class Plan:
    """How pictures are sorted.

    Attributes:
        by: column of the results.
        min_prob: less probable labels go to the folder "unsure"; None uses the column unsure, if
            there is one and *by* is "label".
    """

    by: str = "label"
    min_prob: float | None = None

    def check(self, row: Cells) -> None:
        """Check that results with the columns of *row* can be sorted in this way.

        Raises:
            UsageError: they cannot.
        """
        numbers = _is_number(self.by)
        usable = [name for name in row if name not in ("path", "note") and not _is_number(name)]
        usable += ["quality"] * ("quality" in row)
        if self.by not in usable:
            why = "holds numbers" if numbers and self.by in row else "is no column to sort by"
            raise UsageError(f"--by {self.by}: it {why}; choose {', '.join(usable)}")
        if self.min_prob is not None and self._probability not in row:
            raise UsageError(f"--min-prob is about labels; it does not go with --by {self.by}")

    @property
    def _probability(self) -> str:
        """Column with the probability of the label; no column if *by* holds no labels."""
        return self.by.replace("label", "prob", 1) if "label" in self.by else ""

    def folder(self, row: Cells) -> str:
        """The folder for a row; "" if it has no value, so that its picture stays.

        Raises:
            ValueError: a cell that shall hold a number or a truth value does not.
        """
        value = row[self.by]
        if not value:
            return ""
        plain = self.by.removeprefix(DIRECT)
        if plain == "quality":
            return band_name(float(value))
        if plain in _TRUTH:
            return _TRUTH[plain][_is_true(value)]
        if not self._probability:
            return safe_name(value)
        if self.min_prob is not None:
            unsure = float(row[self._probability] or 0) < self.min_prob
        else:
            unsure = self.by == "label" and _is_true(row.get(UNSURE_COLUMN) or "0")
        return UNSURE if unsure else class_folder(value)


def _is_number(name: str) -> bool:
    """Whether the column *name* holds numbers, which would give a folder for each."""
    plain = name.removeprefix(DIRECT)
    return re.sub(r"_[0-9]+$", "", plain) in (*NUMBERS, "index", "prob")


def _is_true(cell: str) -> bool:
    if cell.lower() not in TRUTH:
        raise ValueError(f"{cell[:40]!r} is not true or false")
    return TRUTH[cell.lower()] == 1.0


def find_picture(origins: Origins, name: str) -> Path | str:
    """The file of the row whose ``path`` is *name*; a string says why there is none."""
    origin = origins.find(name)
    if origin.file is not None:
        return "it is a folder now" if os.path.isdir(origin.file) else origin.file  # noqa: PTH112
    if origin.archive is not None:
        there = f"DIR/{origin.archive.name}"
        return f"it is in an archive; unpack that into {there}, and give --photos DIR"
    return origin.problem or "it is at a URL; download the photos, and give --photos DIR"

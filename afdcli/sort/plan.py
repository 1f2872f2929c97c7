"""Which folder a row's picture belongs into, and what there is of it to move."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from afdcli.errors import PhotoError, UsageError
from afdcli.inputs.archives import read_source
from afdcli.inputs.found import Source
from afdcli.inputs.kinds import Rule
from afdcli.inputs.remote import Remote
from afdcli.report.groups import band_name
from afdcli.results.origins import Origin, Origins
from afdcli.results.read import NUMBERS
from afdcli.results.rows import DIRECT
from afdcli.results.rows import UNSURE as UNSURE_COLUMN
from afdcli.results.stream import Cells
from afdcli.sort.names import UNSURE, class_folder, file_name, safe_name
from afdcli.storage.text import unprintable
from afdcli.workers.listing import Lister
from afdcli.workers.pool import MEBI, MEMORY_LIMIT

LARGEST = 1024 * MEBI  # bytes of a picture in an archive or store
_TRUTH = {"correct": ("wrong", "right"), UNSURE_COLUMN: ("sure", UNSURE)}
_TIMEOUT_S = 60.0


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
        plain = self.by.removeprefix(DIRECT)
        numbers = plain in NUMBERS or plain.startswith(("index", "prob"))
        usable = [
            name
            for name in row
            if name not in ("path", "note", *NUMBERS)
            and not name.removeprefix(DIRECT).startswith(("index", "prob"))
        ]
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
        """The folder for a row; "" if it has no value, so that its picture stays."""
        value = row[self.by]
        if not value:
            return ""
        plain = self.by.removeprefix(DIRECT)
        if plain == "quality":
            return band_name(float(value))
        if plain in _TRUTH:
            return _TRUTH[plain][value == "1"]
        if not self._probability:
            return safe_name(value)
        if self.min_prob is not None:
            unsure = float(row[self._probability] or 0) < self.min_prob
        else:
            unsure = self.by == "label" and row.get(UNSURE_COLUMN) == "1"
        return UNSURE if unsure else class_folder(value)


@dataclass(frozen=True)
class Picture:
    """A picture that can be sorted.

    Attributes:
        name: file name that it gets, unless that is taken.
        source: absolute path, or its name in an archive or store.
        data: its bytes, if it is in an archive or store.
        changed: time of the last change of its archive, nanoseconds; 0 for a file.
    """

    name: str
    source: str
    data: bytes | None = None
    changed: int = 0


class Pictures:
    """Finds the pictures of rows. Members of an archive must be asked for in their order.

    Args:
        origins: where they are.
        files_only: refuse pictures in archives and stores.
    """

    def __init__(self, origins: Origins, files_only: bool) -> None:
        self._origins, self._files_only = origins, files_only
        self._archive: Path | None = None
        self._members: Iterator[tuple[str, Source]] = iter(())

    def find(self, name: str, *, data: bool) -> Picture | str:
        """The picture whose ``path`` is *name*; a string says why there is none.

        Args:
            data: also read pictures in archives and stores.
        """
        origin = self._origins.find(name)
        if origin.file is not None:
            path = str(origin.file)
            return "it is a folder now" if os.path.isdir(path) else Picture(origin.file.name, path)  # noqa: PTH112
        if origin.problem:
            return origin.problem
        if self._files_only:
            return "it is in an archive or at a URL, which cannot be linked to; use --copy"
        source = f"{origin.archive.parent}/{unprintable(name)}" if origin.archive else origin.url
        if not data:
            return Picture(file_name(unprintable(name)), source)
        try:
            return self._read(origin, name, source)
        except PhotoError as error:
            return f"it cannot be read: {error.message}"

    def _read(self, origin: Origin, name: str, path: str) -> Picture | str:
        changed = 0
        if origin.archive is None:
            source: Source | None = Remote(origin.url)
        else:
            if not origin.archive.is_file():
                return f"there is no {origin.archive} any more"
            changed = origin.archive.stat().st_mtime_ns
            source = self._member(origin.archive, name)
        if source is None:
            return f"it is not in {origin.archive} any more, or the rows are in another order"
        return Picture(file_name(unprintable(name)), path, read_source(source, LARGEST), changed)

    def _member(self, archive: Path, name: str) -> Source | None:
        if archive != self._archive:
            self._archive, self._members = archive, _members(archive)
        return next((source for member, source in self._members if member == name), None)


def _members(archive: Path) -> Iterator[tuple[str, Source]]:
    for found in Lister(_TIMEOUT_S, MEMORY_LIMIT)(archive, Rule()):
        if (source := getattr(found, "source", None)) is not None:
            yield found.relative, source

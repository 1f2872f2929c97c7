"""Results in parts: a folder that grows by whole files while the run goes on.

The rows of a part are written as CSV or JSONL lines under a hidden name; with the last of them the
part is finished and put in its place, in one step. Of a run that is killed the parts stay; one
that is interrupted, or fails, makes a last, smaller part of the rows that it has.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from afdcli.errors import ResultsError, UsageError
from afdcli.results.rows import Columns, Row
from afdcli.results.writers import Sink, check_ending, check_target, open_sink, to_parquet
from afdcli.storage.folders import Folder
from afdcli.storage.paths import Place, Url, file_system, trouble
from afdcli.storage.writable import check_folder

ROWS_PER_PART = 100_000  # behind a URL


def check_out(out: Place, rows_per_part: int | None) -> None:
    """See, before the work begins, that results can be written to *out*.

    Args:
        rows_per_part: None for one file.

    Raises:
        UsageError: as `check_target`; nothing opens the URL; or a file or something else that
            is no results folder is in the way.
    """
    if isinstance(out, Path) and rows_per_part is None:
        check_target(out)
        return
    check_ending(out)
    if isinstance(out, Url):
        file_system(out)
    elif os.path.isfile(out):  # noqa: PTH113 - pathlib's raises where a name is too long
        raise UsageError(
            f"--out {out} is a file, but --rows-per-part makes a folder; give another name"
        )
    else:
        check_folder(out)
        Folder(out).check()


class PartsSink(Sink):
    """A folder of parts, each of *rows* rows but the last; goes on behind those that are there.

    Raises:
        ResultsError: on any trouble with the disk or the store, from every method.
    """

    def __init__(self, folder: Folder, columns: Columns, rows: int) -> None:
        super().__init__(columns)
        self._folder = folder
        self._most = rows
        parts = folder.parts()
        self._number = folder.number(parts[-1]) + 1 if parts else 0
        self._drafts = folder.drafts()
        self._lines: Sink | None = None
        self._count = 0  # rows of the part that is being made
        self._size = 0  # bytes that they take

    def write(self, rows: Sequence[Row]) -> None:
        """See `Sink`; with the last row of a part the part is in its place on return."""
        while rows:
            some = rows[: self._most - self._count]
            self._begin().write(some)
            self._size = self._written()
            self._count += len(some)
            if self._count == self._most:
                self._place()
            rows = rows[len(some) :]

    def close(self, finished: bool = True) -> None:
        """See `Sink`; may be called again when it failed."""
        empty = finished and not self._number  # no rows at all still make a part, to be read
        if self._count or empty:
            self._begin()
            self._place()
        if finished:
            self._check()

    def release(self) -> None:
        """See `Sink`: no drafts stay behind."""
        if self._lines is not None:
            self._lines.close()
        self._folder.end()

    @property
    def _draft(self) -> Path:
        kind = ".jsonl" if self._folder.suffix == ".parquet" else self._folder.suffix
        return self._drafts / self._folder.draft(self._number, kind)

    def _begin(self) -> Sink:
        """The file for the rows of this part."""
        if self._lines is None:
            self._lines = open_sink(self._draft, self.columns)
            self._size = self._written()
        return self._lines

    def _written(self) -> int:
        """Bytes of the part that is being made."""
        with trouble("write", self._draft):
            return self._draft.stat().st_size

    def _check(self) -> None:
        """See that all parts are there that should be."""
        there = {self._folder.number(name) for name in self._folder.parts()}
        lost = sorted(set(range(self._number)) - there)
        if lost:
            raise ResultsError(
                f"{self._folder.place / self._folder.name(lost[0])} was deleted while the run went"
                f" on ({len(lost)} of {self._number} parts are gone): start again"
            )

    def _place(self) -> None:
        """Finish the part; where that was cut short, a second call does it."""
        assert self._lines is not None
        self._lines.close()
        draft, name = self._draft, self._folder.name(self._number)
        if name in self._folder.parts():
            raise ResultsError(
                f"{self._folder.place / name} is there already: another run writes to"
                f" {self._folder.place}"
            )
        with trouble("write", draft):
            os.truncate(draft, self._size)  # a full disk leaves the beginning of a line
            if self._folder.suffix == ".parquet":
                draft = self._drafts / self._folder.draft(self._number, ".parquet")
                to_parquet(self._draft, self.columns, draft)
        self._folder.put(draft, name)
        for left in {draft, self._draft}:
            left.unlink(missing_ok=True)
        self._lines, self._count, self._number = None, 0, self._number + 1

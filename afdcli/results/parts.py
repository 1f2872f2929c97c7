"""Results in parts: a folder to which a run adds complete files.

The rows of a part are written to a hidden draft, as CSV or JSONL lines. When the part is full, the
draft is moved into place atomically. If the run is killed, all finished parts remain. If it is
interrupted or fails, the rows written so far become a last, smaller part.
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

ROWS_PER_PART = 100_000  # default for results at a URL


def check_out(out: Place, rows_per_part: int | None) -> None:
    """Check, before slow work, that results can be written to *out*: file, folder of parts or URL.

    Args:
        rows_per_part: None for results in one file.

    Raises:
        UsageError: see `check_target`; no installed package opens the URL; or *out* exists and is
            not a results folder.
    """
    if isinstance(out, Path) and rows_per_part is None:
        check_target(out)
        return
    check_ending(out)
    if isinstance(out, Url):
        file_system(out)
    elif os.path.isfile(out):  # noqa: PTH113 - pathlib's raises where a name is too long
        raise UsageError(
            f"--out {out} is a file, but --rows-per-part needs a folder; give another name"
        )
    else:
        check_folder(out)
        Folder(out).check()


class PartsSink(Sink):
    """Writes results as a folder of parts; continues after the parts that exist.

    All parts but the last have *rows* rows.

    Raises:
        ResultsError: the disk or the object store reports an error; raised by every method.
    """

    def __init__(self, folder: Folder, columns: Columns, rows: int) -> None:
        super().__init__(columns)
        self._folder = folder
        self._rows_per_part = rows
        parts = folder.parts()
        self._number = folder.number(parts[-1]) + 1 if parts else 0
        self._drafts = folder.drafts()
        self._lines: Sink | None = None
        self._count = 0  # rows in the draft
        self._size = 0  # bytes of these rows

    def write(self, rows: Sequence[Row]) -> None:
        """See `Sink`. A part that became full is in place on return."""
        while rows:
            some = rows[: self._rows_per_part - self._count]
            self._open_draft().write(some)
            self._size = self._draft_size()
            self._count += len(some)
            if self._count == self._rows_per_part:
                self._finish_part()
            rows = rows[len(some) :]

    def close(self, finished: bool = True) -> None:
        """See `Sink`. After an error it may be called again."""
        no_rows = finished and not self._number  # readers need at least one part
        if self._count or no_rows:
            self._open_draft()
            self._finish_part()
        if finished:
            self._check_all_present()

    def release(self) -> None:
        """See `Sink`: deletes drafts."""
        if self._lines is not None:
            self._lines.close()
        self._folder.end()

    @property
    def _draft(self) -> Path:
        kind = ".jsonl" if self._folder.suffix == ".parquet" else self._folder.suffix
        return self._drafts / self._folder.draft(self._number, kind)

    def _open_draft(self) -> Sink:
        if self._lines is None:
            self._lines = open_sink(self._draft, self.columns)
            self._size = self._draft_size()
        return self._lines

    def _draft_size(self) -> int:
        with trouble("write", self._draft):
            return self._draft.stat().st_size

    def _check_all_present(self) -> None:
        present = {self._folder.number(name) for name in self._folder.parts()}
        lost = sorted(set(range(self._number)) - present)
        if lost:
            raise ResultsError(
                f"{self._folder.place / self._folder.name(lost[0])} was deleted during the run"
                f" ({len(lost)} of {self._number} parts are gone): start again"
            )

    def _finish_part(self) -> None:
        """Move the draft into place. After an interrupt it may be called again."""
        assert self._lines is not None
        self._lines.close()
        draft, name = self._draft, self._folder.name(self._number)
        if name in self._folder.parts():
            raise ResultsError(
                f"{self._folder.place / name} exists already: another run is writing to"
                f" {self._folder.place}"
            )
        with trouble("write", draft):
            os.truncate(draft, self._size)  # a full disk may leave part of a line
            if self._folder.suffix == ".parquet":
                draft = self._drafts / self._folder.draft(self._number, ".parquet")
                to_parquet(self._draft, self.columns, draft)
        self._folder.put(draft, name)
        for leftover in {draft, self._draft}:
            leftover.unlink(missing_ok=True)
        self._lines, self._count, self._number = None, 0, self._number + 1

"""``manifest.csv`` of a degraded folder: one row per output, or per reason why there is none."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from afdcli.errors import ResultsError, UsageError
from afdcli.results.rows import OK
from afdcli.storage import writable
from afdcli.storage.text import neutralise

NAME = "manifest.csv"


@dataclass(frozen=True)
class Entry:
    """One row; its fields are the columns.

    Attributes:
        source: name of the input, as in `afdcli.inputs.found.Found`.
        output: path relative to the folder of the manifest, in the form of
            `afdcli.storage.text.printable`; empty for a failed row.
        status: "ok" or "failed".
        error: an `afdcli.errors.ErrorCode` value, empty for "ok".
        codec: of the output.
        qf: quality factor of every round, first to last, as in "18;10".
        subsampling: of every round.
        width, height: of the output, pixels; None for a failed row.
        bytes_before: size of the input file; None where it is unknown.
        bytes_after: size of the output; None for a failed row.
        note: what went wrong, or a remark on how the input was read.
    """

    source: str
    output: str = ""
    status: str = OK
    error: str = ""
    codec: str = ""
    qf: str = ""
    subsampling: str = ""
    width: int | None = None
    height: int | None = None
    bytes_before: int | None = None
    bytes_after: int | None = None
    note: str = ""


_HEADER = ",".join(field.name for field in fields(Entry)) + "\n"


class Manifest:
    """The file, growing row by row; a context manager.

    Args:
        folder: the output folder. An older manifest in it is replaced.

    Raises:
        ResultsError: on any trouble with the disk; from `write` as well.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        try:
            if self.path.is_symlink():  # do not write to where it leads
                self.path.unlink()
            self._file = self.path.open("wb", buffering=0)
        except OSError as error:
            raise self._refused(error) from error
        self._append(_HEADER)

    def write(self, entry: Entry) -> None:
        """Append a row; it is in the file on return."""
        cells = [_cell(value) for value in astuple(entry)]
        line = io.StringIO(newline="")
        # With this line end csv quotes a lone \r as well as \n, on every Python.
        csv.writer(line, lineterminator="\r\n").writerow(cells)
        self._append(line.getvalue().removesuffix("\r\n") + "\n")

    def _append(self, text: str) -> None:
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> ResultsError:
        return ResultsError(f"cannot write {self.path}: {error.strerror or error}")

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def check_folder(folder: Path) -> None:
    """Refuse to fill a *folder* that may hold somebody's own pictures.

    Raises:
        UsageError: it is no folder, cannot be made or written into, or holds files and no manifest
            of ours.
    """
    writable.check_folder(folder)
    if not folder.is_dir():
        return
    try:
        with (folder / NAME).open("rb") as file:
            ours = file.read(len(_HEADER)) == _HEADER.encode()
    except OSError:
        ours = False
    if not ours and any(not child.name.startswith(".") for child in folder.iterdir()):
        raise UsageError(
            f"--out {folder} holds files that are not from afd degrade (no {NAME}): choose a new"
            " or empty folder"
        )


def check_unused(folder: Path) -> None:
    """Refuse to replace what an earlier run wrote to *folder*.

    Raises:
        UsageError: its manifest has rows.
    """
    path = folder / NAME
    if path.is_file() and path.stat().st_size > len(_HEADER):
        raise UsageError(
            f"{path} exists already: --overwrite replaces what that run wrote;"
            " or give another --out"
        )


def _cell(value: str | int | None) -> str | int | None:
    return neutralise(value) if isinstance(value, str) else value

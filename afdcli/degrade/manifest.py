"""``manifest.csv`` of a degraded folder: one row per output or failure."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from afdcli.constants import OK
from afdcli.errors import UsageError
from afdcli.storage import writable
from afdcli.storage.paths import trouble
from afdcli.storage.text import neutralise, restore

NAME = "manifest.csv"


@dataclass(frozen=True)
class Entry:
    """One row of the manifest. The fields are its columns.

    Attributes:
        source: name of the input, as in `afdcli.inputs.found.Found`.
        output: path relative to the folder of the manifest, in the form of
            `afdcli.storage.text.printable`; "" if the row failed.
        status: "ok" or "failed".
        error: an `afdcli.errors.ErrorCode` value; "" if the status is "ok".
        codec: codec of the output.
        qf: quality factor (1 to 100) of each compression, first to last, such as "18;10".
        subsampling: chroma subsampling of each compression.
        width, height: size of the output in pixels; None if the row failed.
        bytes_before: size of the input file in bytes; None if it is unknown.
        bytes_after: size of the output file in bytes; None if the row failed.
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
    """Writes ``manifest.csv`` row by row. A context manager.

    Args:
        folder: the output folder. A manifest of an earlier run is replaced.

    Raises:
        ResultsError: the disk reports an error; also raised by `write`.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        with trouble("write", self.path):
            if self.path.is_symlink():  # never write to its target
                self.path.unlink()
            self._file = self.path.open("wb", buffering=0)
        self._append(_HEADER)

    def write(self, entry: Entry) -> None:
        """Append a row. The file holds it on return."""
        cells = [neutralise(v) if isinstance(v, str) else v for v in astuple(entry)]
        line = io.StringIO(newline="")
        # With CRLF line ends, csv quotes cells with a lone \r or \n on every Python version.
        csv.writer(line, lineterminator="\r\n").writerow(cells)
        self._append(line.getvalue().removesuffix("\r\n") + "\n")

    def _append(self, text: str) -> None:
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        with trouble("write", self.path):
            while data:
                data = data[self._file.write(data) :]

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def outputs_in(folder: Path) -> set[str]:
    """The outputs that the manifest in *folder* lists; none if it has no manifest."""
    path = folder / NAME
    if not path.is_file():
        return set()
    with trouble("read", path), path.open(encoding="utf-8", errors="replace", newline="") as text:
        return {name for row in csv.DictReader(text) if (name := restore(row.get("output") or ""))}


def check_folder(folder: Path) -> None:
    """Check that *folder* is new, empty or an output folder of ``afd degrade``.

    Otherwise it may hold the user's own pictures.

    Raises:
        UsageError: it holds other files, is not a folder, or cannot be written to.
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
    """Raise UsageError if *folder* holds files of an earlier run: its manifest has rows."""
    path = folder / NAME
    if path.is_file() and path.stat().st_size > len(_HEADER):
        raise UsageError(
            f"{path} exists already: --overwrite replaces or deletes the files of that run;"
            " or give another --out"
        )

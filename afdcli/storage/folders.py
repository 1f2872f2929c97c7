"""Folders of parts, local or in a store: ``results.parquet/part-00000.parquet``, ``part-00001``, …

A part appears complete or not at all. It is written under a hidden name, which readers of such
folders (pyarrow, Spark) skip, and then renamed or uploaded.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.storage.paths import Place, Url, as_local, is_file, names_in, put, remove, trouble

_PART = re.compile(r"part-(\d{5,})(\.\w+)")
_DRAFT = ".part-"


class Folder:
    """The folder that holds the parts of one run.

    Raises:
        ResultsError: the disk or the store fails; any method may raise it.

    Attributes:
        place: path or URL of the folder; it need not exist.
        suffix: file suffix of the results and of each part, e.g. ".parquet".
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.suffix = place.suffix.lower()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def parts(self) -> list[str]:
        """Names of the parts, in the order of their rows."""
        numbers = {name: self.number(name) for name in names_in(self.place)}
        return sorted((n for n in numbers if numbers[n] >= 0), key=lambda name: numbers[name])

    def name(self, number: int) -> str:
        """File name of part *number*, counted from 0."""
        return f"part-{number:05d}{self.suffix}"

    def number(self, name: str) -> int:
        """The number of the part called *name*; -1 for any other file."""
        match = _PART.fullmatch(name)
        return int(match[1]) if match and match[2] == self.suffix else -1

    def check(self) -> None:
        """Check that the folder holds nothing but parts; hidden files are allowed.

        Raises:
            UsageError: it holds other files, so it was not made for results.
        """
        for name in names_in(self.place):
            if self.number(name) < 0 and name[0] not in "._":
                raise UsageError(
                    f"--out {self.place}: the folder holds other files ({name}); give a new name"
                )

    def clear(self) -> None:
        """Remove the parts of an older run."""
        # Last to first: if this is interrupted, what remains is still the start of a run.
        for name in reversed(self.parts()):
            remove(self.place / name)

    def opened(self, name: str) -> AbstractContextManager[Path]:
        """Context manager: the part *name* as a local file, see `as_local`."""
        return as_local(self.place / name)

    def drafts(self) -> Path:
        """A local folder to write parts in. Removes drafts that an interrupted run left there.

        For results on a disk it is the folder itself, so that a finished part is only renamed.
        """
        if isinstance(self.place, Path):
            with trouble("write", self.place):
                self.place.mkdir(parents=True, exist_ok=True)
                self.end()
            return self.place
        with trouble("write", Path(tempfile.gettempdir())):
            self._temporary = tempfile.TemporaryDirectory(prefix="afd-")
        return Path(self._temporary.name)

    def draft(self, number: int, suffix: str) -> str:
        """File name of a part, or of its journal of rows, while it is being written."""
        return f"{_DRAFT}{number:05d}{suffix}"

    def put(self, draft: Path, name: str) -> None:
        """Move or upload the finished *draft* to the part *name* in one step."""
        put(draft, self.place / name)

    def end(self) -> None:
        """Remove the drafts."""
        if self._temporary is not None:
            self._temporary.cleanup()
        elif isinstance(self.place, Path):
            with suppress(OSError):
                for left in self.place.glob(f"{_DRAFT}*"):
                    left.unlink()


def files_of(out: Place) -> Iterator[tuple[Place, Path]]:
    """Yield each file that makes up the results *out*, with a local copy of it.

    Yields nothing if there is neither a file nor a folder of parts. A copy of a remote file is
    deleted when the next one is asked for.

    Raises:
        ResultsError: the disk or the store fails.
    """
    if isinstance(out, Path) and out.is_file():
        yield out, out
        return
    folder = Folder(out)
    parts = folder.parts()
    for name in parts:
        with folder.opened(name) as file:
            yield out / name, file
    if isinstance(out, Url) and not parts and is_file(out):
        with as_local(out) as file:
            yield out, file

"""Folders of parts, here or in a store: ``results.parquet/part-00000.parquet``, ``part-00001``, …

A part is in its place whole or not at all. It is made under a hidden name, which readers of such
folders (pyarrow, Spark) pass over.
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
    """The parts of one run.

    Raises:
        ResultsError: on trouble with the disk or the store, from every method.

    Attributes:
        place: where it is; it need not exist.
        suffix: ending of the results and of each part.
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
        """The name of a part."""
        return f"part-{number:05d}{self.suffix}"

    def number(self, name: str) -> int:
        """Undo `name`; -1 for any other file."""
        match = _PART.fullmatch(name)
        return int(match[1]) if match and match[2] == self.suffix else -1

    def check(self) -> None:
        """See that it holds nothing but parts.

        Raises:
            UsageError: it does: it was not made for results.
        """
        for name in names_in(self.place):
            if self.number(name) < 0 and name[0] not in "._":
                raise UsageError(
                    f"--out {self.place}: a folder that holds other files ({name}); give a new name"
                )

    def clear(self) -> None:
        """Remove the parts of an older run."""
        # From the last to the first: what a kill leaves of them is still a run's beginning.
        for name in reversed(self.parts()):
            remove(self.place / name)

    def opened(self, name: str) -> AbstractContextManager[Path]:
        """A part as a file of this machine."""
        return as_local(self.place / name)

    def drafts(self) -> Path:
        """A folder of this machine to make parts in; without those of a run that was killed.

        For results on a disk it is the folder itself, so that a part needs only another name.
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
        """The name of a part, or of its rows, while it is made."""
        return f"{_DRAFT}{number:05d}{suffix}"

    def put(self, draft: Path, name: str) -> None:
        """Put a part in its place in one step."""
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
    """The files that the results *out* are made of, and a local copy of each, one after the other.

    Nothing where there is neither a file nor a folder of parts. A copy is gone with the next one.

    Raises:
        ResultsError: the disk or the store refuses.
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

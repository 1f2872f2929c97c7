"""Folders of parts, here or in a store: ``results.parquet/part-00000.parquet``, ``part-00001``, …

A part is in its place whole or not at all. It is made under a hidden name, which readers of such
folders (pyarrow, Spark) pass over.
"""

from __future__ import annotations

import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath

from afdcli.errors import UsageError
from afdcli.storage.paths import Place, Url, downloaded, file_system, is_file, trouble, upload

_PART = re.compile(r"part-(\d{5,})(\.\w+)")
_DRAFT = ".part-"


class Folder(ABC):
    """The parts of one run.

    Raises:
        ResultsError: on trouble with the disk or the store, from every method.

    Attributes:
        suffix: ending of the results and of each part.
    """

    def __init__(self, out: Place) -> None:
        self.suffix = out.suffix.lower()

    def parts(self) -> list[str]:
        """Names of the parts, in the order of their rows."""
        numbers = {name: self.number(name) for name in self.names()}
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
        for name in self.names():
            if self.number(name) < 0 and name[0] not in "._":
                raise UsageError(
                    f"--out {self.place}: a folder that holds other files ({name}); give a new name"
                )

    def clear(self) -> None:
        """Remove the parts of an older run."""
        # From the last to the first: what a kill leaves of them is still a run's beginning.
        for name in reversed(self.parts()):
            self.remove(name)

    @property
    @abstractmethod
    def place(self) -> Place:
        """Where it is."""

    @abstractmethod
    def names(self) -> list[str]:
        """All names in it; none where it does not exist."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a part."""

    @abstractmethod
    def opened(self, name: str) -> AbstractContextManager[Path]:
        """A part as a file of this machine."""

    @abstractmethod
    def drafts(self) -> Path:
        """A folder of this machine to make parts in; without those of a run that was killed."""

    @abstractmethod
    def put(self, draft: Path, name: str) -> None:
        """Put a part in its place in one step."""

    @abstractmethod
    def end(self) -> None:
        """Remove the drafts."""

    def draft(self, number: int, suffix: str) -> str:
        """The name of a part, or of its rows, while it is made."""
        return f"{_DRAFT}{number:05d}{suffix}"


class LocalFolder(Folder):
    """A folder of this machine."""

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        self._path = out

    @property
    def place(self) -> Path:
        """See `Folder`."""
        return self._path

    def names(self) -> list[str]:
        """See `Folder`."""
        with trouble("read", self._path):
            return [p.name for p in self._path.iterdir()] if self._path.is_dir() else []

    def remove(self, name: str) -> None:
        """See `Folder`."""
        with trouble("write", self._path):
            (self._path / name).unlink()

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """See `Folder`."""
        yield self._path / name

    def drafts(self) -> Path:
        """See `Folder`: the folder itself, so that a part needs only another name."""
        with trouble("write", self._path):
            self._path.mkdir(parents=True, exist_ok=True)
            self.end()
        return self._path

    def put(self, draft: Path, name: str) -> None:
        """See `Folder`."""
        with trouble("write", self._path / name):
            draft.replace(self._path / name)

    def end(self) -> None:
        """See `Folder`."""
        with suppress(OSError):
            for left in self._path.glob(f"{_DRAFT}*"):
                left.unlink()


class RemoteFolder(Folder):
    """A folder behind a URL."""

    def __init__(self, out: Url) -> None:
        super().__init__(out)
        self._url = out
        self._drafts: tempfile.TemporaryDirectory[str] | None = None

    @property
    def place(self) -> Url:
        """See `Folder`."""
        return self._url

    def names(self) -> list[str]:
        """See `Folder`."""
        with trouble("read", self._url):
            system, path = file_system(self._url)
            system.invalidate_cache()  # another process may be writing
            try:
                found = system.ls(path, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        # A store lists a file as itself, and may list a folder within itself.
        return [PurePosixPath(n).name for n in found if n.rstrip("/") != path.rstrip("/")]

    def remove(self, name: str) -> None:
        """See `Folder`."""
        with trouble("write", self._url):
            system, path = file_system(self._url / name)
            system.rm_file(path)

    def opened(self, name: str) -> AbstractContextManager[Path]:
        """See `Folder`."""
        return downloaded(self._url / name)

    def drafts(self) -> Path:
        """See `Folder`."""
        with trouble("write", Path(tempfile.gettempdir())):
            self._drafts = tempfile.TemporaryDirectory(prefix="afd-")
        return Path(self._drafts.name)

    def put(self, draft: Path, name: str) -> None:
        """See `Folder`."""
        upload(draft, self._url / name)

    def end(self) -> None:
        """See `Folder`."""
        if self._drafts is not None:
            self._drafts.cleanup()


def folder_of(out: Place) -> Folder:
    """The folder *out*, which need not exist."""
    return LocalFolder(out) if isinstance(out, Path) else RemoteFolder(out)


def files_of(out: Place) -> Iterator[tuple[Place, Path]]:
    """The files that the results *out* are made of, and a local copy of each, one after the other.

    Nothing where there is neither a file nor a folder of parts. A copy is gone with the next one.

    Raises:
        ResultsError: the disk or the store refuses.
    """
    if isinstance(out, Path) and out.is_file():
        yield out, out
        return
    folder = folder_of(out)
    parts = folder.parts()
    for name in parts:
        with folder.opened(name) as file:
            yield out / name, file
    if isinstance(out, Url) and not parts and is_file(out):
        with downloaded(out) as file:
            yield out, file

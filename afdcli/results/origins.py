"""Where the pictures of results are: the names in the rows lead back to files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.inputs.archives import is_archive
from afdcli.inputs.naming import input_names, tails
from afdcli.results.metadata import metadata_part, read_metadata
from afdcli.results.stream import no_results
from afdcli.storage.paths import Place, is_url
from afdcli.storage.text import unprintable


@dataclass(frozen=True)
class Origin:
    """Where the picture of one row is. Exactly one attribute is set.

    Attributes:
        file: an existing local file, or a link that leads nowhere.
        archive: the archive that holds it.
        url: its URL.
        problem: why it was not found.
    """

    file: Path | None = None
    archive: Path | None = None
    url: str = ""
    problem: str = ""


class Origins:
    """Finds the pictures of a run by their names in its results.

    Names that lead out of the folders are refused, because results may come from strangers.

    Args:
        inputs: files, folders, archives and URLs that were classified; local paths are absolute.
        absolute: names that are absolute paths, from a list on standard input, are files as well.
        moved: *inputs* are where the pictures are now, not what was classified.
    """

    def __init__(
        self, inputs: Sequence[str], *, absolute: bool = False, moved: bool = False
    ) -> None:
        self._absolute, self._moved = absolute, moved
        self._folders: list[str] = []
        self._urls: list[str] = []
        self._archives: list[str] = []
        self._files: defaultdict[str, list[str]] = defaultdict(list)  # by their last name
        self._names = dict(zip(inputs, input_names(inputs), strict=True))
        for name in inputs:
            if is_url(name):
                self._urls.append(name)
            elif os.path.isdir(name):  # noqa: PTH112 - Path.is_dir() may raise
                self._folders.append(name)
            elif is_archive(name):
                self._archives.append(name)
            else:
                self._files[os.path.basename(name)].append(name)  # noqa: PTH119

    @classmethod
    def of(cls, results: Place, photos: Sequence[Path] = ()) -> Origins:
        """The pictures of *results*, whose metadata name the inputs, or *photos* if they moved.

        Raises:
            UsageError: neither the metadata nor *photos* name inputs.
            ResultsError: there are no results, or their metadata cannot be read.
        """
        if photos:
            if missing := [path for path in photos if not path.exists()]:
                raise UsageError(f"--photos {missing[0]}: no such file or folder")
            return cls([os.path.abspath(path) for path in photos], moved=True)  # noqa: PTH100
        if isinstance(results, Path) and not results.exists():
            raise no_results(results)
        inputs = metadata_part(read_metadata(results), "options").get("inputs")
        if (
            not inputs
            or not isinstance(inputs, list)
            or not all(isinstance(name, str) for name in inputs)
        ):
            raise UsageError(
                f"{results}: there are no metadata that say which folder was classified;"
                " give --photos DIR"
            )
        return cls(inputs)

    def find(self, name: str) -> Origin:
        """Where the picture is whose ``path`` in the results is *name*."""
        raw = unprintable(name)
        candidates = self._candidates(raw)
        files = {path for path in candidates if os.path.lexists(path)}
        if len(files) > 1:
            return Origin(problem="the same name is in several inputs; give --photos DIR")
        if files:
            return Origin(file=Path(files.pop()))
        for archive in self._archives:
            own = {self._names[archive], os.path.basename(archive)}  # noqa: PTH119
            if raw in own:
                return Origin(file=Path(archive))
            if any(raw.startswith(f"{each}/") for each in own):
                return Origin(archive=Path(archive))
        if (url := self._url(raw)) is not None:
            return Origin(url=url)
        if raw.startswith("/") and not candidates:
            return Origin(problem="it was listed by its full path; give --photos /")
        several = "several URLs were classified; give one of them at a time"
        return Origin(problem=several if self._urls else "there is no such file any more")

    def _candidates(self, raw: str) -> list[str]:
        """Paths that *raw* may stand for."""
        if self._absolute and raw.startswith("/"):
            return [raw]
        given = self._files.get(raw.rpartition("/")[2], [])
        found = [path for path in given if path == raw or path.endswith(f"/{raw}")]
        below = [(f, rest) for f in self._folders for rest in self._below(f, raw)]
        if not below:  # a list on standard input has no names of inputs in front
            below = [(folder, raw) for folder in self._folders]
        return found + [path for pair in below if (path := inside(*pair)) is not None]

    def _below(self, place: str, raw: str) -> Iterator[str]:
        """What *raw* may be relative to *place*. Names of several inputs come first in *raw*."""
        if self._moved or len(self._names) == 1:
            yield raw
        for name in tails(place) if self._moved else {self._names[place]}:
            if raw.startswith(f"{name}/") and (self._moved or len(self._names) > 1):
                yield raw.removeprefix(f"{name}/")

    def _url(self, raw: str) -> str | None:
        """The URL that *raw* stands for; None if there is none, or several are possible."""
        found = {self._joined(url, rest) for url in self._urls for rest in self._below(url, raw)}
        found |= {url for url in self._urls if self._names[url] == raw}
        if not found and len(self._urls) == 1:
            found = {self._joined(self._urls[0], raw)}
        return found.pop() if len(found) == 1 else None

    def _joined(self, url: str, rest: str) -> str:
        url = url.rstrip("/")
        return url if url.endswith(f"/{rest}") else f"{url}/{rest}"


def inside(folder: str | Path, name: str) -> str | None:
    """The path of *name* in *folder*; None if it leads out of it.

    Links inside the folder are the user's own and are followed.
    """
    base = os.path.abspath(folder)  # noqa: PTH100
    path = os.path.normpath(os.path.join(base, name))  # noqa: PTH118
    return path if os.path.commonpath([base, path]) == base and "\0" not in path else None

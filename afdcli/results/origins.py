"""Where the pictures of results are: the names in the rows lead back to files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.inputs.archives import is_archive
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
    """

    def __init__(self, inputs: Sequence[str], *, absolute: bool = False) -> None:
        self._absolute = absolute
        self._folders: list[str] = []
        self._urls: list[str] = []
        self._archives: dict[str, Path] = {}
        self._files: defaultdict[str, list[str]] = defaultdict(list)  # by their last name
        for name in inputs:
            if is_url(name):
                self._urls.append(name.rstrip("/"))
            elif os.path.isdir(name):  # noqa: PTH112 - Path.is_dir() may raise
                self._folders.append(os.path.normpath(name))
            elif is_archive(name):
                self._archives[os.path.basename(name)] = Path(name)  # noqa: PTH119
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
            return cls([str(path.absolute()) for path in photos])
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
        files = {path for path in self._candidates(raw) if os.path.lexists(path)}
        if len(files) > 1:
            return Origin(problem="the same name is in several inputs; give --photos DIR")
        if files:
            return Origin(file=Path(files.pop()))
        head, inside, _ = raw.partition("/")
        if head in self._archives:
            archive = self._archives[head]
            return Origin(archive=archive) if inside else Origin(file=archive)
        if len(self._urls) == 1:
            url = self._urls[0]
            return Origin(url=url if url.endswith(f"/{raw}") else f"{url}/{raw}")
        if raw.startswith("/") and not self._candidates(raw):
            return Origin(problem="it was listed by its full path; give --photos /")
        several = "several URLs were classified; give one of them at a time"
        return Origin(problem=several if self._urls else "there is no such file any more")

    def _candidates(self, raw: str) -> list[str]:
        if self._absolute and raw.startswith("/"):
            return [raw]
        given = self._files.get(raw.rpartition("/")[2], [])
        found = [path for path in given if path == raw or path.endswith(f"/{raw}")]
        return found + [path for f in self._folders if (path := inside(f, raw)) is not None]


def inside(folder: str | Path, name: str) -> str | None:
    """The path of *name* in *folder*; None if it leads out of it.

    Links inside the folder are the user's own and are followed.
    """
    base = os.path.abspath(folder)  # noqa: PTH100
    path = os.path.normpath(os.path.join(base, name))  # noqa: PTH118
    return path if os.path.commonpath([base, path]) == base and "\0" not in path else None

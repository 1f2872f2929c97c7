"""Paths of results: local files, and URLs that fsspec opens.

Local files use `pathlib` only: names need not be UTF-8, a rename replaces a file atomically, and
fsspec is not imported. URLs use fsspec directly. universal_pathlib would give both one class, but
it changes URLs (``ftp://host/x`` becomes ``ftp:///x``, ``abfs://`` loses its account), moves
objects by copying them, and lists from a cache that misses what other processes write.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from afdcli.errors import AfdError, ResultsError, UsageError

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")
_LOCAL = "file://"
#: Stores with atomic uploads; in others a file is visible while it is still being uploaded.
_ATOMIC = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl")


class Url(PurePosixPath):
    """A URL: a path whose first part is the scheme."""

    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)  # pathlib collapses the two slashes


Place = Path | Url


def is_url(name: str) -> bool:
    """True if *name* is a URL, including ``file://``."""
    return _URL.match(name) is not None


def place(name: str) -> Place:
    """*name* as a `Url` or a local path; ``file://`` gives a local path."""
    if name.startswith(_LOCAL):
        return Path(name.removeprefix(_LOCAL))
    return Url(name) if is_url(name) else Path(name)


def file_system(url: Url | str) -> tuple[Any, str]:
    """The fsspec file system of *url*, and the path within it.

    Raises:
        UsageError: no installed package opens the scheme, or the server does not answer.
    """
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(str(url))
    except ImportError as error:
        s3 = str(url).startswith(("s3:", "s3a:"))  # for others, fsspec names the packages
        cure = (
            "s3:// needs pip install 'afdcli[s3]'"
            if s3
            else f"pip install what is missing: {error}"
        )
        raise UsageError(f"{url}: {cure}") from error
    except Exception as error:  # each store raises its own; ftp:// connects here
        raise UsageError(f"{url}: {error}") from error
    return system, path


@contextmanager
def trouble(doing: str, where: Place) -> Iterator[None]:
    """Turn errors of the disk or the store into a `ResultsError`: "cannot DOING WHERE: reason".

    Args:
        doing: a verb such as "write".
        where: the path or URL being worked on.
    """
    # Stores raise any type. A disk raises only OSError; anything else is a bug and passes through.
    expected = Exception if isinstance(where, Url) else OSError
    try:
        yield
    except AfdError:
        raise
    except expected as error:
        text = getattr(error, "strerror", None) or str(error)
        reason = " ".join(text.split()) or type(error).__name__
        raise ResultsError(f"cannot {doing} {where}: {reason}") from error


def is_file(where: Place) -> bool:
    """True if *where* is an existing file. Raises ResultsError if the store cannot be reached."""
    if isinstance(where, Path):
        return where.is_file()
    with trouble("read", where):
        system, path = file_system(where)
        system.invalidate_cache()  # another process may be writing
        return bool(system.isfile(path))


def names_in(folder: Place) -> list[str]:
    """All names in *folder*, unsorted; none if it does not exist.

    Raises:
        ResultsError: it cannot be listed.
    """
    with trouble("read", folder):
        if isinstance(folder, Path):
            return [path.name for path in folder.iterdir()] if folder.is_dir() else []
        system, top = file_system(folder)
        system.invalidate_cache()
        try:
            found = system.ls(top, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
    # A store may include the listed file or folder itself.
    return [PurePosixPath(path).name for path in found if path.rstrip("/") != top.rstrip("/")]


@contextmanager
def as_local(where: Place) -> Iterator[Path]:
    """Context manager: *where* itself if it is local, else a temporary local copy.

    Raises:
        ResultsError: the file cannot be downloaded.
    """
    if isinstance(where, Path):
        yield where
        return
    with tempfile.TemporaryDirectory(prefix="afd-") as folder:
        copy = Path(folder) / where.name
        with trouble("read", where):
            system, path = file_system(where)
            system.get_file(path, str(copy))
        yield copy


def put(file: Path, where: Place) -> None:
    """Put *file* at *where* atomically: readers see the old content or all of the new.

    Args:
        file: the local file. If *where* is local, it must be on the same disk and is moved.
        where: the path or URL that it gets.

    Raises:
        ResultsError: the disk or the store fails.
    """
    with trouble("write", where):
        if isinstance(where, Path):
            file.replace(where)
            return
        system, path = file_system(where)
        if where.parts[0].rstrip(":") in _ATOMIC:
            system.put_file(str(file), path)
            return
        hidden = file_system(where.with_name(f".{where.name}.new"))[1]
        try:
            system.put_file(str(file), hidden)
            system.mv(hidden, path)
        except BaseException:
            with suppress(Exception):  # usually there is nothing to remove; report the first error
                system.rm_file(hidden)
            raise


def remove(where: Place) -> None:
    """Delete a file. Raises ResultsError if the disk or the store fails."""
    with trouble("write", where):
        if isinstance(where, Path):
            where.unlink()
        else:
            system, path = file_system(where)
            system.rm_file(path)


def read_text(where: Place) -> str:
    """The content of a UTF-8 text file.

    Raises:
        OSError, ResultsError: it cannot be read.
        ValueError: it is not UTF-8.
    """
    with as_local(where) as file:
        return file.read_text(encoding="utf-8")


def replace_text(where: Place, text: str) -> None:
    """Write *text* to a UTF-8 file atomically, see `put`.

    Raises:
        ResultsError: it cannot be written.
    """
    with trouble("write", where):
        if isinstance(where, Path):
            new = where.with_name(
                where.name + ".part"
            )  # on the same disk, so that it can be renamed
            where.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            put(new, where)
            return
        with tempfile.TemporaryDirectory(prefix="afd-") as folder:
            new = Path(folder) / where.name
            new.write_text(text, encoding="utf-8")
            put(new, where)

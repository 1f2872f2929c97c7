"""Where results lie: files of this machine, and URLs that fsspec opens.

Files of this machine go through `pathlib` alone: names need not be UTF-8, a rename replaces a file
in one step, and nothing is imported. URLs go through fsspec itself. universal_pathlib would give
both one class, but shortens what was typed (``ftp://host/x`` becomes ``ftp:///x``, the account of
``abfs://`` goes), moves objects by copying them, and lists from a cache that other processes do not
share.
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
#: What opens a scheme, as pip knows it.
_PACKAGES = {
    **dict.fromkeys(("http", "https"), "aiohttp"),
    **dict.fromkeys(("s3", "s3a"), "'afdcli[s3]'"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
    **dict.fromkeys(("hdfs", "arrow_hdfs"), "pyarrow"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    **{"smb": "smbprotocol", "oss": "ossfs", "oci": "ocifs", "hf": "huggingface_hub"},
    **{"webdav": "webdav4", "github": "requests", "gdrive": "gdrive_fsspec", "box": "boxfs"},
}
#: Stores where an object is there whole or not at all; elsewhere a file grows while it is uploaded.
_WHOLE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl")


class Url(PurePosixPath):
    """A URL of a store: a path whose first part is the scheme."""

    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)  # pathlib keeps one slash of two


Place = Path | Url


def is_url(name: str) -> bool:
    """True where *name* is a URL, ``file://`` as well."""
    return _URL.match(name) is not None


def place(name: str) -> Place:
    """The path or URL that *name* means; what ``file://`` names is a path."""
    if name.startswith(_LOCAL):
        return Path(name.removeprefix(_LOCAL))
    return Url(name) if is_url(name) else Path(name)


def file_system(url: Url | str) -> tuple[Any, str]:
    """The fsspec file system of *url*, and the path in it.

    Raises:
        UsageError: nothing is installed that opens it, or its server does not answer.
    """
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(str(url))
    except ImportError as error:
        scheme = str(url).split(":", 1)[0]
        package = _PACKAGES.get(scheme)
        cure = f"{scheme}:// needs pip install {package}" if package else str(error)  # of fsspec
        raise UsageError(f"{url}: {cure}") from error
    except Exception as error:  # of any store; ftp:// connects here
        raise UsageError(f"{url}: {error}") from error
    return system, path


@contextmanager
def trouble(doing: str, where: Place) -> Iterator[None]:
    """Turn what goes wrong inside into a `ResultsError`: ``cannot DOING WHERE: reason``."""
    # A store raises what it likes; a disk raises OSErrors, and all else is a fault of ours.
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
    """True where there is a file.

    Raises:
        ResultsError: the store cannot be asked.
    """
    if isinstance(where, Path):
        return where.is_file()
    with trouble("read", where):
        system, path = file_system(where)
        system.invalidate_cache()  # another process may be writing
        return bool(system.isfile(path))


def names_in(folder: Place) -> list[str]:
    """All names in a folder; none where it does not exist.

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
    # A store lists a file as itself, and may list a folder within itself.
    return [PurePosixPath(path).name for path in found if path.rstrip("/") != top.rstrip("/")]


@contextmanager
def as_local(where: Place) -> Iterator[Path]:
    """A file of this machine: itself, or a copy while the context is open.

    Raises:
        ResultsError: it cannot be read from its store.
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
    """Put *file* in its place in one step: a reader finds all of it, or what was there before.

    Args:
        file: on the same disk, where *where* is a path; it is moved.

    Raises:
        ResultsError: the disk or the store refuses it.
    """
    with trouble("write", where):
        if isinstance(where, Path):
            file.replace(where)
            return
        system, path = file_system(where)
        if where.parts[0].rstrip(":") in _WHOLE:
            system.put_file(str(file), path)
            return
        hidden = file_system(where.with_name(f".{where.name}.new"))[1]
        try:
            system.put_file(str(file), hidden)
            system.mv(hidden, path)
        except BaseException:
            with suppress(Exception):  # most often there is nothing; the first error is the one
                system.rm_file(hidden)
            raise


def remove(where: Place) -> None:
    """Remove a file.

    Raises:
        ResultsError: the disk or the store refuses.
    """
    with trouble("write", where):
        if isinstance(where, Path):
            where.unlink()
        else:
            system, path = file_system(where)
            system.rm_file(path)


def read_text(where: Place) -> str:
    """The text in a file.

    Raises:
        OSError, ResultsError: it cannot be read.
        ValueError: it is no text.
    """
    with as_local(where) as file:
        return file.read_text(encoding="utf-8")


def replace_text(where: Place, text: str) -> None:
    """Write a file in one step.

    Raises:
        ResultsError: it cannot be written.
    """
    with trouble("write", where):
        if isinstance(where, Path):
            new = where.with_name(where.name + ".part")  # a rename stays on one disk
            where.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            put(new, where)
            return
        with tempfile.TemporaryDirectory(prefix="afd-") as folder:
            new = Path(folder) / where.name
            new.write_text(text, encoding="utf-8")
            put(new, where)

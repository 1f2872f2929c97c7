"""Where results lie, and some inputs: paths of this machine, and URLs that fsspec opens."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from afdcli.errors import AfdError, ResultsError, UsageError

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")
_LOCAL = "file://"
#: Stores where an object is there whole or not at all; elsewhere a file grows while it is uploaded.
_WHOLE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl")
_EXTRAS = {"s3": "s3", "s3a": "s3"}


class Url(str):
    """A URL of a store, with those names of `pathlib.Path` that results need."""

    __slots__ = ()

    @property
    def scheme(self) -> str:
        """What stands before ``://``."""
        return self.split("://", 1)[0]

    @property
    def name(self) -> str:
        """Its last part."""
        return PurePosixPath(self).name

    @property
    def suffix(self) -> str:
        """The ending of `name`, with its dot."""
        return PurePosixPath(self).suffix

    @property
    def stem(self) -> str:
        """`name` without its `suffix`."""
        return PurePosixPath(self).stem

    @property
    def parts(self) -> tuple[str, ...]:
        """What stands between the slashes."""
        return PurePosixPath(self).parts

    def with_name(self, name: str) -> Url:
        """The URL of *name* beside this."""
        return Url(self[: len(self) - len(self.name)] + name)

    def with_suffix(self, suffix: str) -> Url:
        """This with another ending."""
        return self.with_name(self.stem + suffix)

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self}/{name}")


Place = Path | Url


def is_url(name: str) -> bool:
    """True where *name* is a URL, ``file://`` as well."""
    return _URL.match(name) is not None


def place(name: str) -> Place:
    """The path or URL that *name* means; what ``file://`` names is a path."""
    if name.startswith(_LOCAL):
        return Path(name.removeprefix(_LOCAL))
    return Url(name.rstrip("/")) if is_url(name) else Path(name)


def file_system(url: str) -> tuple[Any, str]:
    """The file system of *url*, and the path in it.

    Raises:
        UsageError: nothing is installed that opens it.
    """
    scheme = url.split("://", 1)[0]
    try:
        system = _opened(scheme)
    except ImportError as error:  # fsspec names the package
        extra = f"; pip install 'afdcli[{_EXTRAS[scheme]}]'" if scheme in _EXTRAS else ""
        raise UsageError(f"{url}: {error}{extra}") from error
    except ValueError as error:
        raise UsageError(f"{url}: {error}") from error
    return system, system._strip_protocol(url)


@functools.lru_cache(maxsize=4)
def _opened(scheme: str) -> Any:
    import fsspec

    return fsspec.filesystem(scheme)


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


def upload(file: Path, url: Url) -> None:
    """Put *file* at *url* in one step: a reader finds all of it, or what was there before.

    Raises:
        ResultsError: the store refuses it.
    """
    with trouble("write", url):
        system, path = file_system(url)
        if url.scheme in _WHOLE:
            system.put_file(str(file), path)
            return
        hidden = file_system(url.with_name(f".{url.name}.new"))[1]
        try:
            system.put_file(str(file), hidden)
            system.mv(hidden, path)
        except BaseException:
            _forget(system, hidden)
            raise


@contextmanager
def downloaded(url: Url) -> Iterator[Path]:
    """A copy of what lies at *url*, while the context is open.

    Raises:
        ResultsError: it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="afd-") as folder:
        copy = Path(folder) / url.name
        with trouble("read", url):
            system, path = file_system(url)
            system.get_file(path, str(copy))
        yield copy


def is_file(where: Place) -> bool:
    """True where there is a file.

    Raises:
        ResultsError: the store cannot be asked.
    """
    if isinstance(where, Path):
        return where.is_file()
    with trouble("read", where):
        system, path = file_system(where)
        system.invalidate_cache()
        return bool(system.isfile(path))


def read_text(where: Place) -> str:
    """The text in a file.

    Raises:
        OSError, ResultsError: it cannot be read.
        ValueError: it is no text.
    """
    if isinstance(where, Path):
        return where.read_text(encoding="utf-8")
    with downloaded(where) as copy:
        return copy.read_text(encoding="utf-8")


def replace_text(where: Place, text: str) -> None:
    """Write a file in one step.

    Raises:
        ResultsError: it cannot be written.
    """
    with trouble("write", where):
        if isinstance(where, Path):
            new = where.with_name(where.name + ".part")
            where.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            new.replace(where)
            return
        with tempfile.TemporaryDirectory(prefix="afd-") as folder:
            new = Path(folder) / where.name
            new.write_text(text, encoding="utf-8")
            upload(new, where)


def _forget(system: Any, path: str) -> None:
    """Remove what an upload that failed may have left; the first error is the one to tell."""
    try:
        system.rm_file(path)
    except Exception:  # of any store; most often there is nothing
        return

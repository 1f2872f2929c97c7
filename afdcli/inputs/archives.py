"""Pictures in archives: members of tar and zip files, and cells of Parquet columns.

A process with limited time and memory lists the archive (`afdcli.workers.listing`); the workers
then read the bytes of each picture themselves. A member is named ``ARCHIVE/MEMBER`` in the results,
a Parquet row by its path column or its number. If the rest of an archive cannot be read, it becomes
one failed row named ``ARCHIVE``, after the rows of the members before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from afdcli.errors import ErrorCode, PhotoError, UsageError
from afdcli.inputs.found import Source
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import DamagedError, Item, Spool, failed_archive
from afdcli.inputs.parquets import list_parquet
from afdcli.inputs.tars import list_tar
from afdcli.inputs.zips import list_zip
from afdcli.storage.text import reason_of

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
_PARQUET = ".parquet"
_REST = "; the rest of the archive cannot be read"


def is_archive(name: str) -> bool:
    """True if *name* has the suffix of an archive: tar (compressed or not), zip or Parquet."""
    return name.lower().endswith((*_TARS, ".zip", _PARQUET))


def is_compressed_tar(name: str) -> bool:
    """True if *name* has the suffix of a tar that is read only from start to end."""
    return name.lower().endswith(_TARS[1:])


def check_readable(name: str) -> None:
    """Check that the package needed to read the archive *name* is installed.

    Raises:
        UsageError: it is not.
    """
    if name.lower().endswith(_PARQUET) and find_spec("pyarrow") is None:
        raise UsageError(f"{name}: Parquet needs pip install 'afdcli[parquet]'")


def list_archive(path: Path, rule: Rule, spool: Spool) -> Iterator[Item]:
    """Yield the members of the archive at *path*, in order. Never raises: errors become a row.

    The first bytes decide the format, not the name: a gzipped ``.tar`` is read.

    Args:
        path: of a file for which `is_archive` is true.
        rule: which members become rows.
        spool: where members of compressed tars are unpacked.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1":
            yield from list_parquet(path)
        elif magic[:2] == b"PK" or path.name.lower().endswith(".zip"):
            yield from list_zip(path, rule)
        elif path.name.lower().endswith(_PARQUET):
            yield failed_archive(path, "this is not a Parquet file; none of it was read")
        else:
            yield from list_tar(path, rule, spool)
    except MemoryError:  # before Exception: pyarrow's is an ArrowException, too
        message = "listing it needs more memory than a worker may use"
        yield failed_archive(path, message + _REST, ErrorCode.OUT_OF_MEMORY)
    except PhotoError as error:
        yield failed_archive(path, error.message + _REST, error.code)
    except FileNotFoundError:
        yield failed_archive(path, "cannot be opened: no such file", ErrorCode.UNREADABLE)
    except PermissionError as error:
        yield failed_archive(path, f"cannot be opened: {error.strerror}", ErrorCode.UNREADABLE)
    except DamagedError as error:
        yield failed_archive(path, f"{error}{_REST}")
    except Exception as error:  # of tarfile, zipfile, pyarrow and the decompressors
        yield failed_archive(path, reason_of(error) + _REST)


def read_source(source: Source, limit: int) -> bytes:
    """Read the bytes of *source*; any failure concerns this picture only.

    Args:
        source: where the bytes are.
        limit: most bytes allowed.

    Raises:
        PhotoError: UNREADABLE, CORRUPT, TRUNCATED, UNSUPPORTED or TOO_LARGE.
    """
    try:
        return source.read(limit)
    except (PhotoError, MemoryError):
        raise
    except Exception as error:  # of pyarrow, and of any store that fsspec opens
        raise PhotoError(ErrorCode.UNREADABLE, f"cannot be read: {reason_of(error)}") from error

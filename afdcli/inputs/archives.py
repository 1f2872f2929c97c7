"""Pictures that are members of an archive: of tars, zips, and Parquet columns.

Archives are listed where time and memory are limited (`afdcli.workers.listing`); the workers then
read the bytes of each picture themselves. What lies in an archive is named ``ARCHIVE/MEMBER`` in
the results, a Parquet row by its path column or by its number. What of an archive cannot be read
is one failed row, named ``ARCHIVE``, behind the rows of the members before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from afdcli.errors import ErrorCode, PhotoError, UsageError
from afdcli.inputs.found import Source
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import DamagedError, Item, Spool, lost
from afdcli.inputs.parquets import list_parquet
from afdcli.inputs.tars import list_tar
from afdcli.inputs.zips import list_zip

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
_PARQUET = ".parquet"
_REST = "; what lies behind is lost"


def is_archive(name: str) -> bool:
    """True where *name* is that of a file which is opened, and not itself a picture."""
    return name.lower().endswith((*_TARS, ".zip", _PARQUET))


def check_readable(name: str) -> None:
    """See that what reads the archive *name* is installed. Raises UsageError."""
    if name.lower().endswith(_PARQUET) and find_spec("pyarrow") is None:
        raise UsageError(f"{name}: Parquet needs pip install 'afdcli[parquet]'")


def list_archive(path: Path, rule: Rule, spool: Spool) -> Iterator[Item]:
    """What is in the archive at *path*, in the order of its members; ends, and never raises.

    The format is that of its first bytes, whatever it is called: a gzipped ``.tar`` is read.

    Args:
        path: see `is_archive`.
        rule: which members are rows.
        spool: where members of compressed tars are unpacked to.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1":
            yield from list_parquet(path)
        elif magic[:2] == b"PK":
            yield from list_zip(path, rule)
        elif path.name.lower().endswith((".zip", _PARQUET)):
            kind = "zip archive" if path.name.lower().endswith(".zip") else "Parquet file"
            yield lost(path, f"it does not begin as a {kind}; all of it is lost")
        else:
            yield from list_tar(path, rule, spool)
    except MemoryError:  # first: pyarrow's is an ArrowException, too
        message = "listing it needs more memory than a worker may use"
        yield lost(path, message + _REST, ErrorCode.OUT_OF_MEMORY)
    except PhotoError as error:
        yield lost(path, error.message + _REST, error.code)
    except FileNotFoundError:
        yield lost(path, "cannot be opened: no such file", ErrorCode.UNREADABLE)
    except PermissionError as error:
        yield lost(path, f"cannot be opened: {error.strerror}", ErrorCode.UNREADABLE)
    except DamagedError as error:
        yield lost(path, f"{error}{_REST}")
    except Exception as error:  # of tarfile, zipfile, pyarrow and the decompressors
        reason = " ".join(str(error).split()) or type(error).__name__
        yield lost(path, f"{reason}{_REST}")


def read_source(source: Source, limit: int) -> bytes:
    """The bytes of *source*; whatever goes wrong is about this picture.

    Raises:
        PhotoError: UNREADABLE, CORRUPT, UNSUPPORTED or TOO_LARGE.
    """
    try:
        return source.read(limit)
    except (PhotoError, MemoryError):
        raise
    except Exception as error:  # of pyarrow, and every store that fsspec knows
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotoError(ErrorCode.UNREADABLE, f"cannot be read: {reason}") from error

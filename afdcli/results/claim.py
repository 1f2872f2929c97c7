"""Lock results for one run, and refuse to replace existing ones unless asked to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.results.metadata import metadata_path
from afdcli.results.writers import journal
from afdcli.storage.folders import Folder
from afdcli.storage.lock import locked
from afdcli.storage.paths import Place, is_file, trouble


@contextmanager
def claimed(
    out: Place, *, resume: bool = False, overwrite: bool = False, option: str = "--out"
) -> Iterator[None]:
    """Lock the results *out*, named by *option*, while a run writes them.

    Raises:
        UsageError: another run holds the lock; the results exist and neither *resume* nor
            *overwrite* is set; or both are set.
        ResultsError: the disk or the object store reports an error.
    """
    if resume and overwrite:
        raise UsageError("--resume keeps existing rows, --overwrite deletes them: give only one")
    with locked(out, option):
        if not (resume or overwrite) and (existing := found_at(out)):
            raise UsageError(
                f"{existing} exists already: --resume continues it, --overwrite replaces it;"
                f" or give another {option}"
            )
        yield


def found_at(out: Place) -> Place | None:
    """File or folder that an earlier run left at *out*; None if there is none or it is empty.

    Raises:
        ResultsError: the disk or the object store reports an error.
    """
    if isinstance(out, Path):
        with trouble("read", out):
            for path in (out, journal(out)):
                if path.is_file() and path.stat().st_size:
                    return path
    if Folder(out).parts():
        return out
    # Locks do not cover URLs: a run on another machine may have written only its metadata yet.
    return metadata_path(out) if not isinstance(out, Path) and is_file(metadata_path(out)) else None

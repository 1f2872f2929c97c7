"""Results belong to one run at a time, and are never replaced unasked."""

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
def claimed(out: Place, *, resume: bool = False, overwrite: bool = False) -> Iterator[None]:
    """Hold the results *out* for a run, see `afdcli.storage.lock`.

    Args:
        resume, overwrite: what is to become of results that are there already.

    Raises:
        UsageError: another run holds them; or they are there and neither is asked for, or both.
        ResultsError: the disk or the store refuses.
    """
    if resume and overwrite:
        raise UsageError("--resume keeps the rows that are there, --overwrite drops them: choose")
    with locked(out):
        if not (resume or overwrite) and (there := found_at(out)):
            raise UsageError(
                f"{there} exists already: --resume goes on with it, --overwrite replaces it;"
                " or give another --out"
            )
        yield


def found_at(out: Place) -> Place | None:
    """What an earlier run left at *out*; a file without a byte is nothing.

    Raises:
        ResultsError: the disk or the store refuses.
    """
    if isinstance(out, Path):
        with trouble("read", out):
            for path in (out, journal(out)):
                if path.is_file() and path.stat().st_size:
                    return path
    if Folder(out).parts():
        return out
    # A run elsewhere that has no part yet, which no lock tells of.
    return metadata_path(out) if not isinstance(out, Path) and is_file(metadata_path(out)) else None

"""Match rows of two results files by path, regardless of suffix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from afdcli.errors import UsageError
from afdcli.storage.text import printable

Positions = npt.NDArray[np.intp]

#: The suffix of an image file; "scan.01" has none.
SUFFIX = r"\.[A-Za-z][A-Za-z0-9]{1,4}$"


def locate(paths: pd.Series[str], table: pd.Series[str]) -> Positions:
    """Find each of *paths* in *table*.

    For each path, try in turn: the same path; the path without its suffix; both without suffix
    (``a/b.png`` became ``a/b.jpg``). If fewer than half are found, also try all paths without
    their first folder, because ``afd degrade --qf 25,18`` writes the same pictures to ``qf25/`` and
    ``qf18/``. A name that occurs twice in *table* never matches, because it is ambiguous.

    Args:
        paths: (n,) relative paths.
        table: (m,) relative paths.

    Returns:
        (n,) positions in *table*, 0 to m-1; -1 for each path that was not found.
    """
    found = _locate(paths, table)
    if np.mean(found >= 0) < 0.5:
        inner = _locate(paths.str.replace(r"^[^/]*/", "", regex=True), table)
        if np.count_nonzero(inner >= 0) > np.count_nonzero(found >= 0):
            return inner
    return found


def _locate(paths: pd.Series[str], table: pd.Series[str]) -> Positions:
    stems, table_stems = _stem(paths), _stem(table)
    found = _lookup(paths, table)
    for wanted, names in ((stems, table), (stems, table_stems)):
        found = np.where(found >= 0, found, _lookup(wanted, names))
    return found


def _lookup(wanted: pd.Series[str], names: pd.Series[str]) -> Positions:
    once = np.flatnonzero(~names.duplicated(keep=False).to_numpy())
    at = pd.Index(names.to_numpy()[once]).get_indexer(pd.Index(wanted))
    return np.where(at >= 0, once[at] if len(once) else -1, -1)


def _stem(paths: pd.Series[str]) -> pd.Series[str]:
    return paths.str.replace(SUFFIX, "", regex=True)


def read_list(path: Path) -> pd.Series[str]:
    """Read relative paths from a text file, one per line, without blank lines and duplicates.

    Raises:
        UsageError: the file cannot be read or is empty.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    lines = (line.strip().removeprefix("./") for line in text.split("\n"))
    names = [printable(line) for line in lines if line]
    if not names:
        raise UsageError(f"{path}: an empty list; it should have one relative path per line")
    return pd.Series(names, dtype=str).drop_duplicates().reset_index(drop=True)

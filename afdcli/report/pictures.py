"""Find rows of one picture: in two results files, and views such as copies at several qualities."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from afdcli.errors import UsageError
from afdcli.results.metadata import metadata_part
from afdcli.results.stream import csv_rows
from afdcli.storage.text import reason_of, restore

Positions = npt.NDArray[np.intp]

#: The suffix of an image file; "scan.01" has none.
SUFFIX = r"\.[A-Za-z][A-Za-z0-9]{1,4}$"
#: ``afd degrade`` writes the copies of each quality to a folder, such as ``qf25``.
_QUALITY_FOLDER = r"(?i)(?:^|(?<=/))(?:qf|quality)[-_]?\d{1,3}(?:\.(?:tar|zip|tar\.gz|tgz))?/"
_MANIFEST = "manifest.csv"
_COLUMNS = ("source", "output")


def locate(paths: pd.Series[str], table: pd.Series[str]) -> Positions:
    """Find each of *paths* in *table*.

    For each path, try in turn: the same path; the path without its suffix; both without suffix
    (``a/b.png`` became ``a/b.jpg``). If fewer than half are found, also try all paths without
    their first folder, because ``afd degrade --qf 25,18`` writes the same pictures to ``qf25/`` and
    ``qf18/``. A name that occurs twice in *table* never matches, because it is ambiguous.

    Returns:
        (n,) positions in *table*; -1 for each path that was not found.
    """
    # Pictures of a list on standard input are named by full paths; their copies are in a folder.
    paths, table = paths.str.lstrip("/"), table.str.lstrip("/")
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


def source_pictures(
    rows: pd.DataFrame, clean: Positions | None, manifests: Sequence[Path]
) -> tuple[Positions, str]:
    """Find the source picture of each row.

    Rows are views of one picture if they have the same source in a manifest of ``afd degrade``,
    match the same row of the clean run, or differ only in suffix and in a folder such as ``qf25``
    (and have the same true class). Every other row is a picture of its own.

    Args:
        rows: (n rows) with "path", and "target_label" if true classes are known.
        clean: (n,) position in the clean run, -1 if it is not there.

    Returns:
        (n,) index of each row's picture, from 0 on without gaps; and how views were recognised, in
        words, "" if there are none.

    Raises:
        UsageError: a manifest cannot be read.
    """
    evidence = {f"{path}": _by_manifest(rows["path"], path) for path in manifests}
    if clean is not None:
        evidence["the clean run"] = clean
    evidence["folders such as qf25"] = _by_folder(rows)
    pictures = np.arange(len(rows))
    used = []  # evidence that found views
    for name, codes in evidence.items():
        joined = _join(pictures, codes)
        if len(np.unique(joined)) < len(np.unique(pictures)):
            used.append(name)
        pictures = joined
    pictures = _until_stable(pictures, list(evidence.values()))
    return _codes(pd.Series(pictures)), " and ".join(used)


def find_manifests(metadata: Mapping[str, object]) -> list[Path]:
    """Find the manifests in the folders that a run classified, if they still exist.

    If there are none, the folders that its command named are tried: all may have moved together.
    """
    inputs = metadata_part(metadata, "options").get("inputs")
    try:
        words = shlex.split(str(metadata.get("command", "")))[2:]
        for names in (inputs if isinstance(inputs, list) else [], words):
            files = [Path(str(name)) / _MANIFEST for name in names]
            if found := [file for file in files if file.is_file() and _is_manifest(file)]:
                return found
    except (ValueError, OSError):  # not a valid command or file name
        pass
    return []


def _is_manifest(file: Path) -> bool:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        return set(_COLUMNS) <= set(next(csv.reader(text), []))


def _until_stable(pictures: Positions, evidence: Sequence[Positions]) -> Positions:
    """Join rows that any evidence joins, also indirectly through other rows."""
    while True:
        before = pictures
        for codes in evidence:
            pictures = _join(pictures, codes)
        if np.array_equal(before, pictures):
            return pictures


def _join(pictures: Positions, codes: Positions) -> Positions:
    """Give rows with equal *codes* the smallest of their indices; -1 is no code."""
    known = codes >= 0
    smallest = np.full(int(codes.max(initial=-1)) + 1, len(codes), dtype=np.intp)
    np.minimum.at(smallest, codes[known], pictures[known])
    joined: Positions = pictures.copy()
    joined[known] = smallest[codes[known]]
    return joined


def _by_folder(rows: pd.DataFrame) -> Positions:
    stems = rows["path"].str.replace(SUFFIX, "", regex=True)
    # Two files in one folder that differ only in suffix are two pictures.
    names = rows["path"].where(stems.duplicated(keep=False), stems)
    names = names.str.replace(_QUALITY_FOLDER, "", regex=True)
    if "target_label" in rows:
        names = names + "\0" + rows["target_label"]
    return _codes(names)


def _by_manifest(paths: pd.Series[str], manifest: Path) -> Positions:
    """Codes by source. Paths may begin with parent folders of the manifest's; these are removed."""
    try:
        entries = list(csv_rows(manifest, _COLUMNS))
    except (OSError, ValueError, csv.Error) as error:
        reason = reason_of(error)
        raise UsageError(
            f"{manifest}: not readable as a manifest of afd degrade: {reason}"
        ) from error
    sources = {
        restore(row["output"]): restore(row["source"]) for row in entries if row and row["output"]
    }
    best, depth = paths.map(sources), int(paths.str.count("/").max())
    inner = paths
    for _ in range(depth):
        if best.notna().any():
            break
        inner = inner.str.replace(r"^[^/]*/", "", regex=True)
        best = inner.map(sources)
    return _codes(best)


def _codes(names: pd.Series[Any]) -> Positions:
    codes: Positions = np.asarray(pd.factorize(names)[0], dtype=np.intp)
    return codes

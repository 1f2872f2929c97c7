"""Which rows are views of one source picture: copies of it at several qualities, or with itself."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from afdcli.errors import UsageError
from afdcli.report.match import SUFFIX, Positions
from afdcli.storage.text import restore

#: ``afd degrade`` puts the copies of every quality into a folder of its own, such as ``qf25``.
_QUALITY_FOLDER = r"(?i)(?:^|(?<=/))(?:qf|quality)[-_]?\d{1,3}(?:\.(?:tar|zip|tar\.gz|tgz))?/"
_MANIFEST = "manifest.csv"


def source_pictures(
    rows: pd.DataFrame, clean: Positions | None, manifests: Sequence[Path]
) -> tuple[Positions, str]:
    """A number from 0 on for the picture behind every row, and how it is known.

    Rows are views of one picture if they come from one source in a manifest of ``afd degrade``, or
    match one row of the clean run, or differ only in a folder such as ``qf25`` and in the suffix
    (and have the same true class). Each other row is a picture of its own.

    Args:
        rows: with "path", and "target_label" where the truth is known.
        clean: (n,) position in the clean run, -1 where it is not there.
        manifests: files that ``afd degrade`` wrote.

    Returns:
        (n,) numbers, and a phrase for the reader: "" where no two rows are of one picture.

    Raises:
        UsageError: a manifest cannot be read.
    """
    evidence = {f"{path}": _by_manifest(rows["path"], path) for path in manifests}
    if clean is not None:
        evidence["the clean run"] = clean
    evidence["folders such as qf25"] = _by_folder(rows)
    pictures = np.arange(len(rows))
    used = []
    for name, codes in evidence.items():
        joined = _join(pictures, codes)
        if len(np.unique(joined)) < len(np.unique(pictures)):
            used.append(name)
        pictures = joined
    pictures = _until_stable(pictures, list(evidence.values()))
    return _codes(pd.Series(pictures)), " and ".join(used)


def find_manifests(metadata: Mapping[str, object]) -> list[Path]:
    """The manifests in folders that the command of a run named, as far as they are still there."""
    try:
        words = shlex.split(str(metadata.get("command", "")))
        files = [Path(word) / _MANIFEST for word in words[2:]]
        return [file for file in files if file.is_file() and _read(file) is not None]
    except (ValueError, OSError):  # a command, or a name, that no system takes
        return []


def _until_stable(pictures: Positions, evidence: Sequence[Positions]) -> Positions:
    """Join what any evidence joins, also by way of other rows."""
    while True:
        before = pictures
        for codes in evidence:
            pictures = _join(pictures, codes)
        if np.array_equal(before, pictures):
            return pictures


def _join(pictures: Positions, codes: Positions) -> Positions:
    """Give rows of equal *codes*, but -1, the smallest of their numbers."""
    known = codes >= 0
    smallest = np.full(int(codes.max(initial=-1)) + 1, len(codes), dtype=np.intp)
    np.minimum.at(smallest, codes[known], pictures[known])
    joined: Positions = pictures.copy()
    joined[known] = smallest[codes[known]]
    return joined


def _by_folder(rows: pd.DataFrame) -> Positions:
    stems = rows["path"].str.replace(SUFFIX, "", regex=True)
    # Two files of one folder that differ in the suffix alone are two pictures.
    names = rows["path"].where(stems.duplicated(keep=False), stems)
    names = names.str.replace(_QUALITY_FOLDER, "", regex=True)
    if "target_label" in rows:
        names = names + "\0" + rows["target_label"]
    return _codes(names)


def _by_manifest(paths: pd.Series[str], manifest: Path) -> Positions:
    """By source. Rows may be named from a folder further up, which is then taken off."""
    sources = _read(manifest)
    if sources is None:
        raise UsageError(f"{manifest}: not a manifest of afd degrade (no columns source, output)")
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


def _read(manifest: Path) -> dict[str, str] | None:
    """Output -> source; None for a file of another kind.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        table = pd.read_csv(manifest, dtype=str, keep_default_na=False, encoding_errors="replace")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{manifest}: cannot be read as a manifest ({reason})") from error
    if not {"source", "output"} <= set(table.columns):
        return None
    table = table[table["output"] != ""]
    return dict(zip(table["output"].map(restore), table["source"].map(restore), strict=True))

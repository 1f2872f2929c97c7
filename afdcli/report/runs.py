"""Results become runs: the same pictures under the plain backbone, with AFD, and uncompressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from afdcli.errors import ResultsError, UsageError
from afdcli.report.differences import differences, shards
from afdcli.report.match import Positions, locate, read_list
from afdcli.report.pictures import find_manifests, source_pictures
from afdcli.results.read import Results, read_results
from afdcli.results.rows import DIRECT, FAILED
from afdcli.storage.paths import Place

#: Guesses of one classifier, one row per row of `Run.rows`: ``label`` (text, empty where it has
#: none), ``prob`` (0 to 1) and ``right`` (1, 0; NaN where the truth is unknown).
Guesses = pd.DataFrame


@dataclass(frozen=True)
class Source:
    """A results file that a run is made of.

    Attributes:
        role: what it gives: "results", "direct" or "clean".
        path: of the file.
        metadata: as in `Results.metadata`.
    """

    role: str
    path: Place
    metadata: Mapping[str, object]


@dataclass(frozen=True)
class Run:
    """One table of results, ready to be summarised.

    Attributes:
        name: short, unique among the runs of a report.
        rows: as in `Results.rows`, index 0 to n-1.
        direct: top_classes of the plain backbone, None if it was not run.
        afd: top_classes with the AFD module, None if it was not run.
        clean: top_classes for the same pictures uncompressed, by the plain backbone.
        clean_afd: the same with AFD.
        backbone: name of the classifier, "" if unknown.
        plug: where the AFD module sat, "stem" or "input", "" if unknown.
        sources: the files that it is made of.
        remarks, warnings: sentences for the reader.
        in_clean: (n,) position of each row in the clean run, -1 where it is not there.
        pictures: (n,) number of the source picture of each row, see `source_pictures`.
    """

    name: str
    rows: pd.DataFrame
    direct: Guesses | None = None
    afd: Guesses | None = None
    clean: Guesses | None = None
    clean_afd: Guesses | None = None
    backbone: str = ""
    plug: str = ""
    sources: tuple[Source, ...] = ()
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    in_clean: Positions | None = None
    pictures: Positions = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    @property
    def labelled(self) -> bool:
        """True if the truth is known for any row."""
        return any(
            g is not None and bool(g["right"].notna().any()) for g in (self.direct, self.afd)
        )


def load_runs(
    paths: Sequence[Place],
    *,
    clean: Place | None = None,
    direct: Place | None = None,
    only: Path | None = None,
    exclude: Path | None = None,
    manifests: Sequence[Path] = (),
) -> list[Run]:
    """Read results files and put together what belongs together.

    Args:
        paths: results files; two of the same pictures, one with AFD and one without, become one
            run.
        clean: results of the same pictures uncompressed.
        direct: results of the same pictures by the plain backbone, for runs without --compare.
        only: list of the relative paths to keep, one per line; suffixes do not matter.
        exclude: list of relative paths to leave out.
        manifests: of ``afd degrade``, to tell which rows are views of one picture; those in
            folders that a run's command names are found without.

    Raises:
        ResultsError: a file is no results file.
        UsageError: the files do not fit together, or nothing is left of one.
    """
    tables = [read_results(path) for path in paths]
    runs = [_run(table, name) for table, name in zip(tables, _names(paths), strict=True)]
    if direct is not None:
        plain = _plain(read_results(direct))
        runs = [run if run.direct is not None else _pair(run, plain) for run in runs]
    elif len(runs) == 2 and _halves(runs):
        with_afd, plain = sorted(runs, key=lambda run: run.afd is None)
        common = (locate(with_afd.rows["path"], plain.rows["path"]) >= 0).any()
        if common and with_afd.labelled == plain.labelled:
            runs = [_pair(with_afd, plain)]
    runs = [_selected(run, only, exclude) for run in runs]
    if clean is not None:
        reference = _run(read_results(clean), clean.stem)
        runs = [_with_clean(run, reference, clean) for run in runs]
    return [_with_pictures(run, manifests) for run in _with_mismatches(runs)]


def _names(paths: Sequence[Place]) -> list[str]:
    """File names without suffix, with as many folders before them as tell them apart."""
    for depth in range(1, 1 + max(len(path.parts) for path in paths)):
        names = ["/".join(path.with_suffix("").parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    names = [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise UsageError(f"{max(names, key=names.count)}: given twice")
    return names


def _run(table: Results, name: str) -> Run:
    rows = table.rows
    if rows.empty:
        raise ResultsError(f"{table.path}: no rows yet")
    top_classes = _top_classes(rows, "")
    source = Source("results", table.path, table.metadata)
    plain = Run(
        name, rows, top_classes, backbone=table.backbone, sources=(source,), remarks=table.remarks
    )
    if not table.uses_afd:
        return plain
    direct = _top_classes(rows, DIRECT) if table.compared else None
    return replace(plain, direct=direct, afd=top_classes, plug=table.plug)


def _top_classes(rows: pd.DataFrame, prefix: str) -> Guesses:
    """The top-1 answers of one classifier; failed rows have none, so never count as wrong."""
    right = rows.get(prefix + "correct", pd.Series(np.nan, rows.index))
    top_classes = pd.DataFrame(
        {"label": rows[prefix + "label"], "prob": rows[prefix + "prob"], "right": right}
    )
    return _blank(top_classes, (rows["status"] == FAILED).to_numpy())


def _blank(top_classes: Guesses, where: np.typing.NDArray[np.bool_]) -> Guesses:
    blank: Guesses = top_classes.copy()
    blank.loc[where, "label"] = ""
    blank.loc[where, ["prob", "right"]] = np.nan
    return blank


def _aligned(top_classes: Guesses | None, at: np.typing.NDArray[np.intp]) -> Guesses | None:
    """Rows *at* of *top_classes*; a row without guess where *at* is -1."""
    if top_classes is None:
        return None
    return _blank(top_classes.iloc[np.maximum(at, 0)].reset_index(drop=True), at < 0)


def _halves(runs: Sequence[Run]) -> bool:
    """One run with AFD only and one by the plain backbone only."""
    kinds = {(run.direct is not None, run.afd is not None) for run in runs}
    return kinds == {(True, False), (False, True)}


def _plain(table: Results) -> Run:
    run = _run(table, table.path.stem)
    if run.direct is None:
        raise UsageError(
            f"{table.path}: has no results without AFD; make them with afd classify --afd off"
        )
    return run


def _pair(run: Run, plain: Run) -> Run:
    """*run* with the answers of *plain* for the same pictures beside its own."""
    at = locate(run.rows["path"], plain.rows["path"])
    found = int(np.count_nonzero(at >= 0))
    if not found:
        raise UsageError(f"{run.name} and {plain.name} have no picture in common (matched by path)")
    if run.labelled != plain.labelled:
        name = plain.name if run.labelled else run.name
        raise UsageError(f"{name}: has no labels, the other has; classify it with --labels too")
    remark = f"direct: from {plain.name}, {found:,} of {len(at):,} pictures matched by path"
    direct = _aligned(plain.direct, at)
    remarks = (*run.remarks, *plain.remarks, remark)
    sources = _with_sources(run, plain, "direct")
    warnings = (*run.warnings, *_mismatch(run, plain))
    return replace(run, direct=direct, sources=sources, remarks=remarks, warnings=warnings)


def _with_sources(run: Run, other: Run, role: str) -> tuple[Source, ...]:
    return (*run.sources, *(replace(source, role=role) for source in other.sources))


def _mismatch(run: Run, other: Run) -> list[str]:
    """What makes answers of *run* and *other* hard to compare."""
    module = other.afd is not None
    found = differences([(r.name, r.sources[0].metadata) for r in (run, other)], module)
    return [f"careful: {run.name} and {other.name} differ in {found}"] if found else []


def _with_mismatches(runs: list[Run]) -> list[Run]:
    """*runs* side by side, and what differs besides their pictures."""
    made = [(run.name, run.sources[0].metadata) for run in runs]
    found = differences(made)
    if not found:
        return runs
    parts = {shards(metadata) for _, metadata in made}
    shared = len(parts) == 1 and "" not in parts
    warning = f"careful: these shards of one collection differ in {found}"
    warning = warning if shared else f"careful: these results differ in {found}"
    return [replace(run, warnings=(*run.warnings, warning)) for run in runs]


def _with_clean(run: Run, reference: Run, path: Place) -> Run:
    at = locate(run.rows["path"], reference.rows["path"])
    found = int(np.count_nonzero(at >= 0))
    if not found:
        raise UsageError(
            f"{path}: has no picture in common with {run.name} (matched by path, any suffix)"
        )
    if run.labelled and not reference.labelled:
        raise UsageError(f"{path}: has no labels; classify the clean pictures with --labels too")
    remarks = [*run.remarks, *reference.remarks]
    warnings = (*run.warnings, *_mismatch(run, reference))
    sources = _with_sources(run, reference, "clean")
    run = replace(run, sources=sources, in_clean=at, warnings=warnings)
    if found < len(at):
        remarks.append(f"clean: {found:,} of {len(at):,} pictures of {run.name} are in {path.name}")
    clean = _aligned(reference.direct, at)
    if clean is None:
        clean = _aligned(reference.afd, at)
        remarks.append(
            f"clean: {path.name} holds results with AFD only; they stand in for the plain "
            "backbone's (better: classify the clean pictures with --compare)"
        )
        return replace(run, clean=clean, remarks=tuple(remarks))
    clean_afd = _aligned(reference.afd, at)
    return replace(run, clean=clean, clean_afd=clean_afd, remarks=tuple(remarks))


def _with_pictures(run: Run, manifests: Sequence[Path]) -> Run:
    found = [file for source in run.sources for file in find_manifests(source.metadata)]
    files = list(dict.fromkeys([*manifests, *found]))
    pictures, how = source_pictures(run.rows, run.in_clean, files)
    if not how:
        return replace(run, pictures=pictures)
    remark = (
        f"{run.name}: {len(pictures):,} files are views of {pictures.max() + 1:,} pictures "
        f"(known from {how}); intervals and tests count pictures"
    )
    return replace(run, pictures=pictures, remarks=(*run.remarks, remark))


def _selected(run: Run, only: Path | None, exclude: Path | None) -> Run:
    keep = np.ones(len(run.rows), dtype=bool)
    remarks = list(run.remarks)
    if only is not None:
        names = read_list(only)
        at = locate(run.rows["path"], names)
        keep &= at >= 0
        absent = len(names) - len(np.unique(at[at >= 0]))
        if absent:
            remarks.append(
                f"{absent:,} of {len(names):,} names in {only.name} are not in {run.name}"
            )
    if exclude is not None:
        at = locate(run.rows["path"], read_list(exclude))
        keep &= at < 0
    if not keep.any():
        lists = " and ".join(str(path) for path in (only, exclude) if path is not None)
        raise UsageError(f"{run.name}: no picture is left after {lists}")
    if keep.all():
        return replace(run, remarks=tuple(remarks))
    remarks.append(f"{run.name}: {int(keep.sum()):,} of {len(keep):,} files selected")
    at = np.flatnonzero(keep)
    return replace(
        run,
        rows=run.rows.iloc[at].reset_index(drop=True),
        direct=_aligned(run.direct, at),
        afd=_aligned(run.afd, at),
        remarks=tuple(remarks),
    )

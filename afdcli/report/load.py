"""Read results files, and combine those of the same pictures into runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from afdcli.constants import FAILED
from afdcli.errors import ResultsError, UsageError
from afdcli.report.differences import differences, shard_count
from afdcli.report.pictures import Positions, find_manifests, locate, source_pictures
from afdcli.report.runs import CAREFUL, Run, RunFile, TopClasses
from afdcli.results.metadata import metadata_part
from afdcli.results.read import Results, read_results
from afdcli.results.rows import DIRECT
from afdcli.storage.paths import Place


def load_runs(
    paths: Sequence[Place],
    *,
    clean: Place | None = None,
    manifests: Sequence[Path] = (),
) -> list[Run]:
    """Read results files, and combine those of the same pictures into runs.

    Args:
        paths: results files. Two of the same pictures, one with AFD and one without, become one
            run.
        clean: results for the same pictures uncompressed.
        manifests: manifests of ``afd degrade``, which tell which rows are views of one picture.
            Manifests in the folders that a run classified are found without.

    Raises:
        ResultsError: a file is missing, unreadable, or not a results file.
        UsageError: *clean* has no pictures in common with a run, or no labels where that has them.
    """
    tables = [read_results(path) for path in paths]
    runs = _paired([_run(table, name) for table, name in zip(tables, _names(paths), strict=True)])
    if clean is not None:
        reference = _run(read_results(clean), clean.stem)
        runs = [_with_clean(run, reference, clean) for run in runs]
    return [_with_pictures(run, manifests) for run in _with_warnings(runs)]


def _names(paths: Sequence[Place]) -> list[str]:
    """File names without suffix, preceded by as many folders as make them unique."""
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
    backbone, module = (metadata_part(table.metadata, part) for part in ("backbone", "afd"))
    compared = DIRECT + "label" in rows
    with_afd = module.get("on")
    if not isinstance(with_afd, bool):  # only a module measures drift
        with_afd = compared or ("drift" in rows and bool(rows["drift"].notna().any()))
    predictions = {"direct": _top_classes(rows, DIRECT)} if with_afd and compared else {}
    predictions["afd" if with_afd else "direct"] = _top_classes(rows, "")
    return Run(
        name,
        rows,
        predictions,
        backbone=str(backbone.get("name") or ""),
        plug=str(module.get("plug") or "") if with_afd else "",
        sources=(RunFile("results", table.path, table.metadata),),
        remarks=table.remarks,
    )


def _top_classes(rows: pd.DataFrame, prefix: str) -> TopClasses:
    """The top-1 predictions of one classifier. Failed rows have none, so never count as wrong."""
    right = rows.get(prefix + "correct", pd.Series(np.nan, rows.index))
    top_classes = pd.DataFrame(
        {"label": rows[prefix + "label"], "prob": rows[prefix + "prob"], "right": right}
    )
    return _take(top_classes, np.where(rows["status"] == FAILED, -1, np.arange(len(rows))))


def _take(top_classes: TopClasses, at: Positions) -> TopClasses:
    """Rows *at* of *top_classes*; a row without prediction for each -1."""
    taken: TopClasses = top_classes.reindex(at).reset_index(drop=True).fillna({"label": ""})
    return taken


def _paired(runs: list[Run]) -> list[Run]:
    """One run of two over the same pictures, if one is with AFD only and the other without."""
    kinds = sorted(tuple(run.predictions) for run in runs)
    if kinds != [("afd",), ("direct",)]:
        return runs
    run, plain = sorted(runs, key=lambda run: run.afd is None)
    at = locate(run.rows["path"], plain.rows["path"])
    found = int(np.count_nonzero(at >= 0))
    if not found or run.labelled != plain.labelled:
        return runs
    remark = f"direct: from {plain.name}, {found:,} of {len(at):,} pictures matched by path"
    paired = replace(
        run,
        predictions={"direct": _take(plain.predictions["direct"], at), **run.predictions},
        sources=_with_sources(run, plain, "direct"),
        remarks=(*_mismatch(run, plain), *run.remarks, *plain.remarks, remark),
    )
    return [paired]


def _with_sources(run: Run, other: Run, role: str) -> tuple[RunFile, ...]:
    return (*run.sources, *(replace(source, role=role) for source in other.sources))


def _mismatch(run: Run, other: Run) -> list[str]:
    found = differences(
        [(r.name, r.sources[0].metadata) for r in (run, other)], module=other.afd is not None
    )
    return [f"{CAREFUL}{run.name} and {other.name} differ in {found}"] if found else []


def _with_warnings(runs: list[Run]) -> list[Run]:
    """Add a warning to all *runs* if they were not made with the same settings."""
    metadata = [(run.name, run.sources[0].metadata) for run in runs]
    found = differences(metadata)
    if not found:
        return runs
    counts = {shard_count(facts) for _, facts in metadata}
    shards = len(counts) == 1 and "" not in counts
    what = "these shards of one collection" if shards else "these results"
    warning = f"{CAREFUL}{what} differ in {found}"
    return [replace(run, remarks=(warning, *run.remarks)) for run in runs]


def _with_clean(run: Run, reference: Run, path: Place) -> Run:
    """Add the predictions of *reference*, read from *path*, as those for the clean pictures."""
    at = locate(run.rows["path"], reference.rows["path"])
    found = int(np.count_nonzero(at >= 0))
    if not found:
        raise UsageError(
            f"{path}: has no picture in common with {run.name} (matched by path, any suffix)"
        )
    if run.labelled and not reference.labelled:
        raise UsageError(f"{path}: has no labels; classify the clean pictures with --labels too")
    remarks = [*_mismatch(run, reference), *run.remarks, *reference.remarks]
    if found < len(at):
        remarks.append(f"clean: {found:,} of {len(at):,} pictures of {run.name} are in {path.name}")
    names = {"direct": "clean", "afd": "clean_afd"}
    if reference.direct is None:
        names = {"afd": "clean"}
        remarks.append(
            f"clean: {path.name} has results with AFD only; they are used in place of the plain "
            "backbone's (better: classify the clean pictures with --compare)"
        )
    clean = {names[kind]: _take(table, at) for kind, table in reference.predictions.items()}
    return replace(
        run,
        predictions={**run.predictions, **clean},
        sources=_with_sources(run, reference, "clean"),
        remarks=tuple(remarks),
        in_clean=at,
    )


def _with_pictures(run: Run, manifests: Sequence[Path]) -> Run:
    found = [file for source in run.sources for file in find_manifests(source.metadata)]
    files = list(dict.fromkeys([*manifests, *found]))
    pictures, evidence = source_pictures(run.rows, run.in_clean, files)
    if not evidence:
        return replace(run, pictures=pictures)
    remark = (
        f"{run.name}: {len(pictures):,} files are views of {pictures.max() + 1:,} pictures "
        f"(known from {evidence}); intervals and tests count pictures"
    )
    return replace(run, pictures=pictures, remarks=(*run.remarks, remark))

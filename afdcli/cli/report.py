"""``afd report``: accuracy, gains and failures in the results of ``afd classify``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli import options
from afdcli.cli.after import retry_lines
from afdcli.cli.command import ConfigOption
from afdcli.cli.console import err, out, say_if_slow
from afdcli.cli.help import INPUT, OUTPUT
from afdcli.cli.options import argument, option
from afdcli.cli.report_page import check_page, save, write_page
from afdcli.errors import UsageError
from afdcli.storage.writable import check_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afdcli.report.summary import Report
    from afdcli.report.table import Table
    from afdcli.storage.paths import Place


class Format(str, Enum):
    """Format of standard output."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"


def report(
    results: Annotated[
        list[str] | None,
        argument(
            "RESULTS",
            "Results of afd classify (.csv, .jsonl, .parquet): files, folders of parts or "
            "URLs. Several are shown side by side. Two runs over the same pictures, one with and "
            "one without AFD, are compared picture by picture. Default: results.csv.",
        ),
    ] = None,
    clean: Annotated[
        str | None,
        option(
            "--clean FILE|URL",
            INPUT,
            "Results of the same pictures, uncompressed: shows the share of the loss that "
            "AFD recovers. Matched by path without the suffix.",
        ),
    ] = None,
    direct: Annotated[
        str | None,
        option(
            "--direct FILE|URL",
            INPUT,
            "Results of the same pictures with --afd off, if you did not use --compare.",
        ),
    ] = None,
    only: Annotated[
        Path | None,
        option(
            "--only-list,--only FILE",
            INPUT,
            "Use only the pictures in this list: one relative path per line; suffixes are ignored.",
        ),
    ] = None,
    exclude: Annotated[
        Path | None,
        option("--exclude-list,--exclude FILE", INPUT, "Skip the pictures in this list."),
    ] = None,
    manifest: Annotated[
        list[Path] | None,
        option(
            "--manifest FILE",
            INPUT,
            "manifest.csv of afd degrade; repeatable. Tells which files are copies of one "
            "picture: intervals count pictures, not files. Found automatically in the folder that "
            "was classified; without one, folders such as qf25/ and --clean are used.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        option(
            "--by folder|parent|quality|COLUMN",
            OUTPUT,
            "Break down by this column; repeatable. parent is the full folder path, quality "
            "comes in bands; any column of the results. Default: folder and quality.",
        ),
    ] = None,
    show_all: Annotated[
        bool, option("--all", OUTPUT, "Show all groups and changes, not only the 15 largest.")
    ] = False,
    form: Annotated[
        Format, option("-f,--format table|csv|json|markdown", OUTPUT, "Format of standard output.")
    ] = Format.table,
    to: Annotated[
        Path | None,
        option(
            "-o,--out FILE",
            OUTPUT,
            "Also write the summary: .csv (one number per row), .json or .md.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        option(
            "--html FILE",
            OUTPUT,
            "Also write a page with plots, tables and pictures: one .html file that works offline.",
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        option(
            "--photos DIR",
            OUTPUT,
            "The folder that was classified. The page then shows pictures whose answer changed.",
        ),
    ] = None,
    maps: Annotated[
        bool,
        option(
            "--maps",
            OUTPUT,
            "Also show the module's FDM (feature drifting map: where it corrects) for each of "
            "them. Loads the classifier and module named in the metadata, and runs its --import "
            "files.",
        ),
    ] = False,
    export_failed: options.ExportFailed = None,
    as_json: options.Json = False,
    config: ConfigOption = None,
    debug: options.Debug = False,
) -> None:
    """Report accuracy with and without AFD, by folder and quality, from results of afd classify.

    Shows 95 % intervals. Without labels, it shows confidence, drift and changed answers.

    Examples:
        afd report run.csv
        afd report run.csv --html report.html --photos photos/
    """
    from afdcli.storage.paths import place

    if as_json and form is not Format.table:
        raise UsageError("--json is short for --format json: give only one")
    form = Format.json if as_json else form
    paths = [place(name) for name in results or ["results.csv"]]
    reference, plain = (place(name) if name is not None else None for name in (clean, direct))
    files = (*paths, reference, plain, only, exclude, *(manifest or ()))
    inputs = [path for path in files if isinstance(path, Path)]  # a URL is never written to
    _check_target(to, inputs)
    check_page(html, photos, maps, [*inputs, *([to] if to else [])], bool(export_failed))
    with say_if_slow("reading the results …"):
        from afdcli.cli.report_failed import show_all_failed
        from afdcli.report.groups import DEFAULT
        from afdcli.report.html.page import page_columns
        from afdcli.report.load import load_runs
        from afdcli.report.summary import summarise

        if export_failed is not None:
            _export_failed(paths, export_failed, photos)
        runs = load_runs(
            paths,
            clean=reference,
            direct=plain,
            only=only,
            exclude=exclude,
            manifests=manifest or (),
        )
        default = [n for n in DEFAULT if n == "folder" or all(n in r.rows for r in runs)]
        columns = list(dict.fromkeys(by or default))
        extra = page_columns(runs) if html is not None else ()
        reports = summarise(runs, list(dict.fromkeys((*columns, *extra))))
    view = _View(tuple(columns), show_all, bool(by))
    if html is not None:
        write_page(html, runs, reports, _remarks(reports), photos, maps)
    if to is not None:
        save(to, _document(_FORMATS[to.suffix.lower()], reports, view))
    if form is Format.table and all(report.all_failed for report in reports):
        show_all_failed(out(), runs, reports)
    elif form is Format.table:
        _print(reports, view)
    else:
        typer.echo(_document(form, reports, view), nl=False)
    if form is Format.csv:
        for remark in _remarks(reports):
            err().print(remark, markup=False, highlight=False, soft_wrap=True)


def _export_failed(paths: Sequence[Place], file: Path, photos: Path | None) -> None:
    from afdcli.results.origins import Origins
    from afdcli.results.retry import list_failed

    if len(paths) > 1:
        raise UsageError("--export-failed takes one results file")
    if isinstance(paths[0], Path) and file.resolve() == paths[0].resolve():
        raise UsageError(f"--export-failed {file}: would overwrite the results")
    check_file(file, "--export-failed")
    origins = Origins.of(paths[0], [photos] if photos else ())
    retry = list_failed(paths[0], origins, file)
    for line in retry_lines(retry, file):
        err().print(line, soft_wrap=True)


_FORMATS = {".csv": Format.csv, ".json": Format.json, ".md": Format.markdown}


@dataclass(frozen=True)
class _View:
    """Which parts of a report to show.

    Attributes:
        columns: breakdowns shown as tables; the summary also has those of the page.
        everything: show all groups and changes.
        asked: the user named the columns.
    """

    columns: tuple[str, ...]
    everything: bool
    asked: bool

    def tables(self, reports: list[Report]) -> list[Table]:
        """All tables."""
        from afdcli.report.headline import report_tables

        shown = [replace(r, groups={by: r.groups[by] for by in self.columns}) for r in reports]
        return report_tables(shown, self.everything, self.asked)


def _document(form: Format, reports: list[Report], view: _View) -> str:
    """The report as text, in any format but `Format.table`."""
    from afdcli.report import render
    from afdcli.report.summary import tidy

    if form is Format.csv:
        return render.to_csv(tidy(reports, view.everything))
    if form is Format.json:
        return render.to_json(tidy(reports, view.everything), _remarks(reports))
    return render.to_markdown(view.tables(reports), _remarks(reports))


def _print(reports: list[Report], view: _View) -> None:
    from afdcli.report.render import to_console

    to_console(out(), view.tables(reports), _remarks(reports))


def _remarks(reports: list[Report]) -> list[str]:
    from afdcli.storage.text import clean

    return list(dict.fromkeys(clean(remark) for report in reports for remark in report.remarks))


def _check_target(to: Path | None, inputs: list[Path]) -> None:
    if to is None:
        return
    if to.suffix.lower() not in _FORMATS:
        raise UsageError(f"--out {to}: the name must end in {', '.join(_FORMATS)}")
    if any(to.resolve() == path.resolve() for path in inputs):
        raise UsageError(f"--out {to}: would overwrite an input of the report; choose another name")
    check_file(to)

"""``afd report``: accuracy, gains and failures in the results of ``afd classify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli import console, options
from afdcli.cli.command import ConfigOption
from afdcli.cli.help import INPUT, OUTPUT
from afdcli.cli.options import argument
from afdcli.errors import UsageError
from afdcli.storage.writable import check_file

if TYPE_CHECKING:
    from collections.abc import Sequence


RESULTS = argument(
    "RESULTS",
    "Results of afd classify (.csv, .jsonl, .parquet): files, folders of parts or "
    "URLs. Several are shown side by side. Two runs over the same pictures, one with and "
    "one without AFD, are compared picture by picture. Default: results.csv.",
)
CLEAN = INPUT.option(
    "--clean FILE|URL",
    "Results of the same pictures, uncompressed: shows the share of the loss that "
    "AFD recovers. Matched by path without the suffix.",
)
MANIFEST = INPUT.option(
    "--manifest FILE",
    "manifest.csv of afd degrade; repeatable. Tells which files are copies of one "
    "picture: intervals count pictures, not files. Found automatically in the folder that "
    "was classified; without one, folders such as qf25/ and --clean are used.",
)
BY = OUTPUT.option(
    "--by folder|parent|quality|COLUMN",
    "Break down by this column; repeatable. parent is the full folder path, quality "
    "comes in bands; any column of the results. Default: folder and quality.",
)
SHOW_ALL = OUTPUT.option("--all", "Show all groups and changes, not only the 15 largest.")
FORM = OUTPUT.option(
    "-f,--format table|csv|json|markdown", "Format of standard output; csv has one number per row."
)
HTML = OUTPUT.option(
    "--html FILE",
    "Also write a page with plots, tables and pictures: one .html file that works offline.",
)
PHOTOS = OUTPUT.option(
    "--photos DIR",
    "The folder that was classified. The page then shows pictures whose label changed.",
)
MAPS = OUTPUT.option(
    "--maps",
    "Also show the module's FDM (feature drifting map: where it corrects) for each of "
    "them. Loads the classifier and module named in the metadata, and runs its --import "
    "files.",
)


def report(
    results: Annotated[list[str] | None, RESULTS] = None,
    clean: Annotated[str | None, CLEAN] = None,
    manifest: Annotated[list[Path] | None, MANIFEST] = None,
    by: Annotated[list[str] | None, BY] = None,
    show_all: Annotated[bool, SHOW_ALL] = False,
    form: Annotated[str, FORM] = "table",
    html: Annotated[Path | None, HTML] = None,
    photos: Annotated[Path | None, PHOTOS] = None,
    maps: Annotated[bool, MAPS] = False,
    as_json: Annotated[bool, options.JSON] = False,
    config: ConfigOption = None,
    debug: Annotated[bool, options.DEBUG] = False,
) -> None:
    """Report accuracy with and without AFD, by folder and quality, from results of afd classify.

    Shows 95 % intervals. Without labels, it shows confidence, drift and changed labels.

    Examples:
        afd report run.csv
        afd report run.csv --html report.html --photos photos/
    """
    from afdcli.storage.paths import place

    if form not in ("table", "csv", "json", "markdown"):
        raise UsageError(f"--format {form}: choose table, csv, json or markdown")
    if as_json and form != "table":
        raise UsageError("--json is short for --format json: give only one")
    form = "json" if as_json else form
    paths = [place(name) for name in results or ["results.csv"]]
    reference = place(clean) if clean is not None else None
    files = (*paths, reference, *(manifest or ()))
    inputs = [path for path in files if isinstance(path, Path)]  # a URL is never written to
    _check_page(html, photos, maps, inputs)
    with console.say_if_slow("reading the results …"):
        from afdcli.cli.report_output import View, show_all_failed, write_page
        from afdcli.report.groups import DEFAULT
        from afdcli.report.html.page import page_columns
        from afdcli.report.load import load_runs
        from afdcli.report.summary import summarise

        runs = load_runs(paths, clean=reference, manifests=manifest or ())
        default = [n for n in DEFAULT if n == "folder" or all(n in r.rows for r in runs)]
        columns = list(dict.fromkeys(by or default))
        extra = page_columns(runs) if html is not None else ()
        reports = summarise(runs, list(dict.fromkeys((*columns, *extra))))
    view = View(reports, tuple(columns), show_all, bool(by))
    if html is not None:
        write_page(html, runs, reports, view.remarks, photos, maps)
    if form != "table":
        typer.echo(view.text(form), nl=False)
    elif all(report.all_failed for report in reports):
        show_all_failed(runs, reports)
    else:
        from afdcli.report.render import to_console

        to_console(console.out(), view.tables(), view.remarks)
    if form == "csv":
        for remark in view.remarks:
            console.say(remark)
    if html is not None:
        console.say(f"written: {html}")


def _check_page(html: Path | None, photos: Path | None, maps: bool, taken: Sequence[Path]) -> None:
    """Raise UsageError if the page cannot be written."""
    if maps and photos is None:
        raise UsageError("--maps shows pictures: it needs --photos DIR")
    if html is None:
        if photos is not None:
            raise UsageError("--photos adds pictures to the page: it needs --html FILE")
        return
    if html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--html {html}: the name must end in .html, .htm")
    check_file(html, "--html", taken)
    if photos is not None and not photos.is_dir():
        raise UsageError(f"--photos {photos}: no such folder")

"""``afd report``: accuracy, gains and failures in the results of ``afd classify``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli.console import DebugOption, err, friendly, out
from afdcli.errors import ResultsError, UsageError

if TYPE_CHECKING:
    from afdcli.report.summary import Report


class Format(str, Enum):
    """What is printed on standard output."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"


@friendly
def report(
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Results of afd classify: .csv, .jsonl or .parquet; several are compared side by "
            "side. Two of the same pictures, one with and one without AFD, are compared pairwise. "
            "Default: results.csv.",
            show_default=False,
        ),
    ] = None,
    clean: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Results of the same pictures uncompressed: shows which share of the loss AFD "
            "wins back. Matched by path, whatever the suffix.",
        ),
    ] = None,
    direct: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Results of the same pictures without AFD, for results made without --compare.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Break down by this column; repeatable. folder, parent (whole folder path), "
            "quality (in bands) or any column of the results. Default: folder and quality.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep only the pictures in this list: one relative path per line, whatever the "
            "suffix.",
        ),
    ] = None,
    exclude: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Leave out the pictures in this list."),
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show all groups and changes, not the 15 largest.")
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", "-f", help="What to print on standard output.")
    ] = Format.table,
    to: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Also write the summary: .csv (tidy, one number per row), .json or .md.",
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Report accuracy with and without AFD, by folder and quality, from results of afd classify.

    Accuracies come with 95 % intervals. Without labels: confidence, drift, and what changed.
    """
    from afdcli.report.groups import DEFAULT
    from afdcli.report.runs import load_runs
    from afdcli.report.summary import summarise

    paths = results or [Path("results.csv")]
    inputs = [path for path in (*paths, clean, direct, only, exclude) if path is not None]
    _check_target(to, inputs)
    runs = load_runs(paths, clean=clean, direct=direct, only=only, exclude=exclude)
    columns = list(dict.fromkeys(by or DEFAULT))
    reports = summarise(runs, columns)
    if to is not None:
        _write(to, _document(_FORMATS[to.suffix.lower()], reports, show_all, bool(by)))
    if form is Format.table:
        _print(reports, show_all, bool(by))
        return
    typer.echo(_document(form, reports, show_all, bool(by)), nl=False)
    if form is Format.csv:
        for remark in _remarks(reports):
            err().print(remark, markup=False, highlight=False, soft_wrap=True)


_FORMATS = {".csv": Format.csv, ".json": Format.json, ".md": Format.markdown}


def _document(form: Format, reports: list[Report], everything: bool, asked: bool) -> str:
    """The report as one text in a format other than `Format.table`."""
    from afdcli.report import render
    from afdcli.report.sheet import Layout
    from afdcli.report.summary import tidy
    from afdcli.report.tables import sheets

    if form is Format.csv:
        return render.to_csv(tidy(reports, everything))
    if form is Format.json:
        return render.to_json(tidy(reports, everything), _remarks(reports))
    layout = Layout(width=1000, everything=everything, single=asked)
    return render.to_markdown(sheets(reports, layout), _remarks(reports))


def _print(reports: list[Report], everything: bool, asked: bool) -> None:
    from afdcli.report.render import to_console
    from afdcli.report.sheet import Layout
    from afdcli.report.tables import sheets

    console = out()
    layout = Layout(width=console.width, bars=True, everything=everything, single=asked)
    to_console(console, sheets(reports, layout), _remarks(reports))


def _remarks(reports: list[Report]) -> list[str]:
    from afdcli.report.text import clean

    return list(dict.fromkeys(clean(remark) for report in reports for remark in report.remarks))


def _check_target(to: Path | None, inputs: list[Path]) -> None:
    if to is None:
        return
    if to.suffix.lower() not in _FORMATS:
        raise UsageError(f"--out {to}: the name must end in {', '.join(_FORMATS)}")
    if any(to.resolve() == path.resolve() for path in inputs):
        raise UsageError(f"--out {to}: would overwrite what is being reported; choose another name")


def _write(to: Path, text: str) -> None:
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ResultsError(f"cannot write {to}: {error.strerror or error}") from error

"""The summary that ``afd classify`` prints at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from afdcli.cli import console
from afdcli.constants import WORDS
from afdcli.inputs.inputs import skipped_text
from afdcli.models.class_names import NUMBERS
from afdcli.results.metadata import metadata_path, module_facts
from afdcli.results.rows import Columns, Row
from afdcli.results.summary import FIRST_ROWS, Summary

if TYPE_CHECKING:
    from afdcli.classify.setup import Setup

TOP_LABELS = 8
_JSON_LABELS = 1000  # most frequent labels in --json
FEW = 5  # labels shown if there are too many to show all


def show_summary(screen: Console, summary: Summary, setup: Setup) -> None:
    """Print the first labels, failed files, counts, and the next command to run."""
    if summary.first:
        screen.print(_first_labels(summary, setup.columns))
    console.show_failed(screen, _failed(summary), summary.failures, setup.settings.out)
    console.print_facts(screen, "afd classify", _lines(summary, setup))
    if summary.classified:
        console.show_next(screen, *_next(setup))
    if summary.retry is not None and setup.settings.export_failed is not None:
        for line in console.retry_lines(summary.retry, setup.settings.export_failed):
            screen.print(line, soft_wrap=True)


def summary_facts(summary: Summary, setup: Setup) -> dict[str, Any]:
    """The same as plain data for ``--json``."""
    counts = summary.counts()
    return {
        "results": str(setup.settings.out),
        "metadata": str(metadata_path(setup.settings.out)),
        "backbone": setup.backbone.name,
        "afd": module_facts(setup.module),
        "device": setup.device,
        **counts,
        "images_per_second": round(summary.rate, 2),
        "labels": dict(summary.labels.most_common(_JSON_LABELS)),
        "first_failed": console.failed_facts(_failed(summary)),
        "notes": summary.notes,
        "retry": summary.retry and {"files": summary.retry.listed, "note": summary.retry.remark},
        "next": console.next_command(*_next(setup)) if summary.classified else None,
    }


def _next(setup: Setup) -> tuple[object, ...]:
    return "afd", "report", setup.settings.out


def _failed(summary: Summary) -> list[console.Failed]:
    return [(row.path, row.error, row.note) for row in summary.first_failed]


def _first_labels(summary: Summary, columns: Columns) -> Table:
    """The first labels, or all of them if there are only a few."""
    few = summary.classified <= FIRST_ROWS
    rows = summary.first if few else summary.first[:FEW]
    title = "labels" if few else f"first {FEW} labels"
    table = console.files_table(title)
    table.add_column("label", overflow="fold")
    table.add_column("prob", justify="right", no_wrap=True)
    if columns.compare:
        table.add_column("without AFD", overflow="fold")
    if columns.labels:
        table.add_column("true label", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, _cells(row, columns)))
    return table


def _cells(row: Row, columns: Columns) -> Iterator[str]:
    best = row.top_classes[0]
    yield row.path
    yield best.label
    yield f"{best.prob:.2f}"
    if columns.compare:
        yield row.direct[0].label if row.direct else ""
    if columns.labels:
        yield "right" if row.target == best.index else row.target_label


def _lines(summary: Summary, setup: Setup) -> Iterator[tuple[str, str]]:
    yield "images", _images(summary)
    numbered = " without names (set them with --class-names)" * (
        setup.backbone.names_from == NUMBERS
    )
    classes = f"{len(setup.backbone.class_names)} classes{numbered}"
    yield "classifier", f"{setup.backbone.name}, {classes}"
    yield "AFD", _afd(setup)
    yield (
        "speed",
        f"{summary.rate:.1f} images/s on {setup.device} ({console.duration(summary.seconds)})",
    )
    if summary.labelled:
        if summary.compared:
            yield "top-1 without AFD", _share(summary.direct_correct, summary.labelled)
        name = "top-1 with AFD" if setup.module else "top-1"
        yield name, f"{_share(summary.correct, summary.labelled)} of {summary.labelled:,} labelled"
    if summary.compared:
        share = summary.changed / summary.compared
        yield "changed by AFD", f"{summary.changed:,} labels ({share:.1%})"
    if summary.median_drift is not None:
        yield "median drift", f"{summary.median_drift:.2f}° ({WORDS['drift']})"
    if summary.damaged:
        yield (
            "damaged",
            f"{summary.damaged:,} images, classified from their readable part (see note)",
        )
    if summary.min_prob is not None and summary.classified:
        share = summary.unsure / summary.classified
        yield "unsure", f"{summary.unsure:,} images ({share:.1%}) below {summary.min_prob:g}"
    if summary.labels:
        best = summary.labels.most_common(TOP_LABELS)
        more = f" … {len(summary.labels):,} in all" if len(summary.labels) > TOP_LABELS else ""
        yield "labels", ", ".join(f"{label} {count:,}" for label, count in best) + more
    for note in summary.notes:
        yield "note", note
    if (file := setup.settings.embeddings) is not None:
        shape = f"{summary.rows:,} x {setup.features} {setup.settings.embeddings_dtype}"
        yield "embeddings", f"{file} ({shape})"
    yield "results", f"{setup.settings.out} (metadata: {metadata_path(setup.settings.out)})"


def _images(summary: Summary) -> str:
    resumed = f" ({summary.resumed:,} of them earlier)" if summary.resumed else ""
    text = (
        f"{summary.rows:,}{resumed}: {summary.classified:,} classified, {summary.failures:,} failed"
    )
    text += f" ({console.reasons(summary.failed)})" if summary.failed else ""
    return f"{text}; {skipped_text(summary.skipped)}" if summary.skipped.total() else text


def _afd(setup: Setup) -> str:
    module = setup.module
    if module is None:
        return "off"
    place = "in front of the classifier"
    if module.plug == "stem":
        place = f"behind the stem, the classifier's first layers ({module.where})"
    if module.stages:
        place += f", also at {len(module.stages)} blocks"
    if module.norm_layers:
        place += f" and {len(module.norm_layers)} normalisations"
    return f"on: {module.path.name}, {place}"


def _share(right: int, n: int) -> str:
    """A share without interval: only ``afd report`` knows which files show one picture."""
    return f"{right / n:.1%}"

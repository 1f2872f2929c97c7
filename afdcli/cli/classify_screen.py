"""What ``afd classify`` shows when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from afdcli.engine.metadata import metadata_path
from afdcli.engine.summary import Summary
from afdcli.report.stats import wilson

if TYPE_CHECKING:
    from afdcli.engine.setup import Setup

TOP_LABELS = 8


def show_summary(screen: Console, summary: Summary, setup: Setup) -> None:
    """Print the table at the end of a run."""
    table = Table(show_header=False, title="afd classify", title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _lines(summary, setup):
        table.add_row(name, Text(text))  # Text: names of files and classes are no markup
    screen.print(table)


def _lines(summary: Summary, setup: Setup) -> Iterator[tuple[str, str]]:
    yield "images", _images(summary)
    yield "classifier", f"{setup.backbone.name}, {len(setup.backbone.class_names)} classes"
    yield "AFD", _afd(setup)
    yield "speed", f"{summary.rate:.1f} images/s on {setup.device} ({_duration(summary.seconds)})"
    if summary.labelled:
        if summary.compared:
            yield "top-1 without AFD", _share(summary.direct_correct, summary.labelled)
        name = "top-1 with AFD" if setup.module else "top-1"
        yield name, f"{_share(summary.correct, summary.labelled)} of {summary.labelled:,} labelled"
    if summary.compared:
        share = summary.changed / summary.compared
        yield "changed by AFD", f"{summary.changed:,} labels ({share:.1%})"
    if summary.median_drift is not None:
        yield "median drift", f"{summary.median_drift:.2f}°"
    if summary.damaged:
        yield "damaged", f"{summary.damaged:,} images, classified as far as they go (see note)"
    if summary.labels:
        best = summary.labels.most_common(TOP_LABELS)
        more = f" … {len(summary.labels):,} in all" if len(summary.labels) > TOP_LABELS else ""
        yield "labels", ", ".join(f"{label} {count:,}" for label, count in best) + more
    for note in summary.notes:
        yield "note", note
    yield "results", f"{setup.settings.out} (about the run: {metadata_path(setup.settings.out)})"


def _images(summary: Summary) -> str:
    resumed = f" ({summary.resumed:,} of them earlier)" if summary.resumed else ""
    text = (
        f"{summary.rows:,}{resumed}: {summary.classified:,} classified, {summary.failures:,} failed"
    )
    reasons = ", ".join(f"{code} {count:,}" for code, count in summary.failed.most_common())
    return f"{text} ({reasons})" if reasons else text


def _afd(setup: Setup) -> str:
    module = setup.module
    if module is None:
        return "off"
    place = f"behind {module.where}" if module.plug == "stem" else "in front of the classifier"
    config = module.module.config
    if config.stages:
        place += f", at {len(config.stages)} stages"
    if config.places:
        place += f", at {len(config.places)} normalisations"
    return f"on: {module.path.name} ({module.plug} module, {place})"


def _share(right: int, n: int) -> str:
    rate = wilson(right, n)
    return f"{rate.value:.1%} (95 %: {100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"

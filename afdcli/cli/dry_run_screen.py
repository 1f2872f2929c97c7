"""What ``afd classify --dry-run`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from afdcli.classify.expected_gain import BANDS, Band, bands, verdict
from afdcli.cli import console
from afdcli.constants import WORDS
from afdcli.inputs.inputs import Inputs, skipped_text
from afdcli.models.measured import PROTOCOL, Measured, choices, in_words, measured, of_card
from afdcli.models.shipped import AFD, SHOWN
from afdcli.results.claim import found_at
from afdcli.results.summary import FIRST_FAILED

if TYPE_CHECKING:
    from afdcli.classify.dry_run import DryRun
    from afdcli.classify.setup import Setup
    from afdcli.codec.header import Header

_MEASURED_AT = ", ".join(str(at) for _, _, at in BANDS if at)


def show_dry_run(screen: Console, found: DryRun, setup: Setup, inputs: Inputs) -> None:
    """Print files by kind, qualities with the gain to expect, time, and what would go wrong."""
    screen.print(_kinds(found))
    numbers = _numbers(setup)
    if setup.module is not None:
        screen.print(_qualities(found, numbers))
        screen.print(Text(_note(numbers), style="dim"))
    first = _failed(found)[:FIRST_FAILED]
    console.show_failed(screen, first, len(found.failures), "a run's results")
    console.print_facts(screen, "dry run: nothing was written", _lines(found, setup, inputs))


def dry_run_facts(found: DryRun, setup: Setup, inputs: Inputs) -> dict[str, Any]:
    """The same as plain data for ``--json``; accuracies in %."""
    module, numbers = setup.module, _numbers(setup)
    return {
        "dry_run": True,
        "images": found.images,
        "skipped": dict(inputs.skipped),
        "unlisted": inputs.unlisted,
        "looked_at": found.looked_at,
        "codecs": dict(found.codecs),
        "unreadable": dict(found.errors),
        "first_failed": console.failed_facts(_failed(found)[:FIRST_FAILED]),
        "qualities": [
            {"first": b.first, "last": b.last, "images": b.images, "gains": list(b.gains)}
            for b in _bands(found, numbers)
        ],
        "measured_with": [each.classifier for each in numbers],
        "will_afd_help": _verdict(found, setup),
        "backbone": setup.backbone.name,
        "module": str(module.path) if module is not None else None,
        "modules": [
            {
                "module": SHOWN[card.kind],
                "classifier": each.classifier,
                "recovered": round(each.recovered, 1),
                "added_time": each.added_time,
            }
            for card in (choices(module.path) if module is not None else ())
            for each in of_card(card)
        ],
        "timed": found.timed.rows,
        "images_per_second": round(found.rate, 2),
        "seconds": round(found.seconds, 3),
        "results_exist": str(found_at(setup.settings.out) or "") or None,
    }


def _kinds(found: DryRun) -> Table:
    """The images of the sample by codec, with their sizes."""
    table = Table(title=_title("images", found), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("kind")
    for name in ("images", "share", "median size", "smallest", "largest"):
        table.add_column(name, justify="right")
    for codec, count in found.codecs.most_common():
        headers = [header for header in found.headers if header.codec == codec]
        table.add_row(codec, f"{count:,}", _share(count, found), *_sizes(headers))
    if found.failures:
        count = len(found.failures)
        table.add_row("cannot be read", f"{count:,}", _share(count, found), "", "", "")
    return table


def _sizes(headers: Sequence[Header]) -> Iterator[str]:
    sizes = sorted(((h.width, h.height) for h in headers), key=lambda size: size[0] * size[1])
    for width, height in (sizes[len(sizes) // 2], sizes[0], sizes[-1]):
        yield f"{width}x{height}"


def _title(what: str, found: DryRun) -> str:
    if found.looked_at == found.images:
        return f"{found.images:,} {what}"
    return f"{found.looked_at:,} {what}, drawn at random from {found.images:,}"


def _share(count: int, found: DryRun) -> str:
    return f"{count / max(1, found.looked_at):.0%}"


def _qualities(found: DryRun, numbers: Sequence[Measured]) -> Table:
    """JPEG qualities of the sample, with the accuracy that was measured there."""
    table = Table(title="will AFD help?", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("JPEG quality")
    for name in ("images", "share"):
        table.add_column(name, justify="right")
    for each in numbers:
        table.add_column(f"{each.classifier}: without → with AFD", justify="right")
    rows = _bands(found, numbers)
    for band in rows:
        cells = [f"{before:.1f} → {after:.1f} %" for before, after in band.measured]
        cells = cells or ["not measured"] * len(numbers)
        share = _share(band.images, found)
        table.add_row(f"{band.first} to {band.last}", f"{band.images:,}", share, *cells)
    other = len(found.headers) - sum(band.images for band in rows)
    if other:
        cells = ["not measured"] * len(numbers)
        table.add_row("other images", f"{other:,}", _share(other, found), *cells)
    return table


def _note(numbers: Sequence[Measured]) -> str:
    if not numbers:
        return "How much this module gains is not known: classify some with --labels --compare.\n"
    others = " Other classifiers gain more or less." if len(numbers) > 1 else ""
    return (
        f"Top-1, measured on {PROTOCOL}, at quality {_MEASURED_AT} and uncompressed. Larger photos"
        f" gain less, because resizing hides part of the damage.{others}\n"
    )


def _bands(found: DryRun, numbers: Sequence[Measured]) -> list[Band]:
    return bands((h.quality for h in found.headers if h.quality is not None), numbers)


def _numbers(setup: Setup) -> tuple[Measured, ...]:
    return measured(setup.module.path) if setup.module is not None else ()


def _verdict(found: DryRun, setup: Setup) -> str:
    if setup.module is None:
        return "AFD is off"
    return verdict(_bands(found, _numbers(setup)), found.looked_at)


def _modules(path: Path) -> Iterator[str]:
    """The module in use, then the classifier's other shipped ones; what each recovers and costs."""
    used, *others = choices(path) or (None,)
    yield str(path) if used is None else f"{SHOWN[used.kind]}: {in_words(used)}"
    for card in others:
        yield f"{AFD[card.kind]}: {in_words(card)}"


def _failed(found: DryRun) -> list[console.Failed]:
    return [(failure.path, failure.error, failure.note) for failure in found.failures]


def _lines(found: DryRun, setup: Setup, inputs: Inputs) -> Iterator[tuple[str, str]]:
    skipped = f"; {skipped_text(inputs.skipped)}" if inputs.skipped.total() else ""
    yield "images", f"{found.images:,}{skipped}"
    if found.errors:
        yield "cannot be read", f"{console.reasons(found.errors)}, of {found.looked_at:,} looked at"
    yield "will AFD help?", _verdict(found, setup)
    if setup.module is not None:
        yield "AFD module", "; ".join(_modules(setup.module.path))
    if found.rate:
        yield (
            "time",
            f"about {console.duration(found.seconds)} at {found.rate:.1f} images/s on"
            f" {setup.device}, from {found.timed.rows:,} images that were classified",
        )
    timed = found.timed
    if timed.failures:
        yield (
            "failed",
            f"{timed.failures:,} of these {timed.rows:,} ({console.reasons(timed.failed)})",
        )
    if setup.labels is not None:
        yield "labels", f"{timed.labelled:,} of these {timed.rows:,} have one"
    if timed.median_drift is not None:
        yield "median drift", f"{timed.median_drift:.2f}° ({WORDS['drift']})"
    for folder in inputs.unlisted[:1]:
        yield "note", f"{len(inputs.unlisted):,} folders could not be listed, e.g. {folder}"
    there = found_at(setup.settings.out)
    exists = f" exists already: the run needs --resume or --overwrite ({there})" if there else ""
    yield "results", f"{setup.settings.out}{exists}"

"""What ``afd train`` prints."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from afdcli.cli import console, live
from afdcli.constants import WORDS
from afdcli.train.photos import PhotoSet, reasons

if TYPE_CHECKING:
    from afdcli.train.loop import Progress
    from afdcli.train.run import Outcome, Plan

_LEAST = 0.02  # share of the divergence; a module that removes less learnt nothing


@contextmanager
def training_bar(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar with time left and losses, or lines where there is no terminal.

    Call what it yields after each step.
    """
    screen = console.err(quiet)
    columns = (BarColumn(bar_width=16), TextColumn("{task.percentage:>3.0f}%"))
    more = (TimeElapsedColumn(), TextColumn("{task.description}"))
    bar = live.bar(screen, *columns, *more, transient=False)
    task = bar.add_task("starting", total=1.0)
    line = "starting"

    def show(p: Progress) -> None:
        nonlocal line
        bar.update(task, completed=p.share, description=_line(p))
        line = f"step {p.step:,}, {p.share:.0%}, {_line(p)}"

    with bar, live.lines(screen, lambda: line):
        yield show


def say_skipped(photos: PhotoSet, quiet: bool) -> None:
    """Report files that cannot be trained on."""
    if photos.skipped:
        skipped = f"skipped {len(photos.skipped):,} files that cannot be trained on"
        console.say(f"{skipped}: {reasons(photos.skipped)}", quiet)


def say_plan(plan: Plan, photos: PhotoSet, quiet: bool) -> None:
    """Print what is trained, where it is plugged in, and the number of photos."""
    console.print_facts(console.err(quiet), "afd train", _plan_lines(plan, photos))


def _plan_lines(plan: Plan, photos: PhotoSet) -> Iterator[tuple[str, str]]:
    config = plan.config
    yield "classifier", ", ".join(backbone.name for backbone in plan.backbones)
    at_stem = f"{plan.where}, behind the stem ({WORDS['stem']})"
    yield "plug point", at_stem if plan.plug == "stem" else "the classifier's input"
    yield "module", f"width {config.width}, {config.channels} channels"
    if config.stage_names:
        yield "adapters", f"behind {', '.join(config.stage_names)}"
    if config.norm_layers:
        yield "FiLM", console.counted(len(config.norm_layers), "normalisation layer")
    yield "photos", f"{len(photos.training):,} to train on, {len(photos.validation):,} held out"


def _line(p: Progress) -> str:
    minutes, seconds = divmod(round(p.seconds_left), 60)
    return (
        f"{minutes}:{seconds:02d} left, loss {p.feature_loss:.2f}+{p.divergence:.2f}, "
        f"angle {-100 * p.score.angle_reduction:+.0f} %, {p.pairs_per_second:.0f}/s"
    )


def say_outcome(outcome: Outcome, out: Path, plan: Plan, quiet: bool) -> None:
    """Print the validation of the saved module, and the command that uses it."""
    s = outcome.score
    table = Table(title=f"{s.photos} held-out photos, QF 25, 18, 15, 10, 7 in turn")
    for column in ("", "direct", "with AFD"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("feature angle to the clean photo", f"{s.angle_direct:.2f}°", f"{s.angle:.2f}°")
    table.add_row("same label as the clean photo", f"{s.agree_direct:.1%}", f"{s.agree:.1%}")
    table.add_row(
        "output divergence from the clean photo",
        f"{s.divergence_direct:.3f}",
        f"{s.divergence:.3f}",
    )
    screen = console.out(quiet)
    screen.print(table)
    state = "interrupted after" if outcome.interrupted else "trained"
    screen.print(f"{state} {outcome.steps} steps in {outcome.minutes:.1f} min; module: {out}")
    if outcome.diverged:
        console.say("it ended early: the losses were not finite any more; give a lower --lr", quiet)
    elif s.divergence > (1 - _LEAST) * s.divergence_direct:
        console.say(
            "the module has learnt almost nothing: the output divergence is as large as without "
            "it. Train longer (--minutes) or with a lower learning rate (--lr)",
            quiet,
        )
    if outcome.interrupted:
        screen.print("to continue, run the same command with --resume")
    else:
        screen.print(f"next: {_next(out, plan)}", markup=False, highlight=False, soft_wrap=True)


def _next(out: Path, plan: Plan) -> str:
    words = ("afd classify PHOTOS", plan.backbones[0].options, f"--afd {shlex.quote(str(out))}")
    return " ".join(filter(None, words))


def outcome_facts(outcome: Outcome, out: Path, plan: Plan, photos: PhotoSet) -> dict[str, Any]:
    """The same as plain data for ``--json``; angles in degrees, shares from 0 to 1."""
    return {
        "module": str(out),
        "backbones": [backbone.name for backbone in plan.backbones],
        "plug": plan.plug,
        "training_photos": len(photos.training),
        "held_out_photos": len(photos.validation),
        "skipped": photos.skipped,
        "steps": outcome.steps,
        "minutes": round(outcome.minutes, 2),
        "interrupted": outcome.interrupted,
        "diverged": outcome.diverged,
        "validation": {  # JSON has no word for NaN
            name: value if math.isfinite(value) else None
            for name, value in asdict(outcome.score).items()
        },
        "next": None if outcome.interrupted else _next(out, plan),
    }

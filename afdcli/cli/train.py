"""``afd train``: an AFD module for a frozen classifier, from unlabelled photos."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from afdcli.cli import console
from afdcli.cli.options import (
    CheckpointOption,
    DeviceOption,
    ImportOption,
    PrecisionOption,
    SeedOption,
)
from afdcli.errors import UsageError
from afdcli.train.settings import Settings

if TYPE_CHECKING:
    from afdcli.train.loop import Progress
    from afdcli.train.photos import PhotoSet
    from afdcli.train.session import Outcome, Plan

DEFAULTS = Settings()
_LEAST = 0.02  # of the divergence: who takes away less is told that it came to nothing


@console.friendly
def train(
    data: Annotated[
        list[Path],
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder of good, unlabelled photos; repeatable, each gives as many pairs.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Module file to write (.safetensors).")
    ] = Path("module.safetensors"),
    backbone: Annotated[
        list[str] | None,
        typer.Option("--backbone", help="Classifier to train for; several only with --plug input."),
    ] = None,
    plug: Annotated[
        str,
        typer.Option("--plug", help="stem: best, fits this backbone only; input: fits any."),
    ] = "stem",
    plug_at: Annotated[
        str | None,
        typer.Option("--plug-at", metavar="MODULE", help="Plug in behind this module instead."),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            help="Size of the module: large, small, nano, pico, paper (stem only), or auto: by "
            "the backbone's.",
        ),
    ] = "auto",
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, help="Budget; 20 unless --steps.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Budget in steps.")] = None,
    exclude: Annotated[
        Path | None,
        typer.Option(
            "--exclude", metavar="FILE", help="List of relative paths not to train on (test split)."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Pairs per step.")] = (
        DEFAULTS.batch_size
    ),
    lr: Annotated[float, typer.Option("--lr", min=0.0, help="Peak learning rate.")] = DEFAULTS.lr,
    divergence: Annotated[
        float, typer.Option("--divergence", min=0.0, help="Weight of the output divergence.")
    ] = DEFAULTS.divergence,
    deep: Annotated[
        float, typer.Option("--deep", min=0.0, help="Weight of the loss at the stages' ends.")
    ] = DEFAULTS.deep,
    side: Annotated[
        int,
        typer.Option("--side", min=0, metavar="PX", help="Side of training pictures; 0: as usual."),
    ] = DEFAULTS.side,
    angle: Annotated[
        float,
        typer.Option(
            "--angle", min=0.0, max=1.0, help="Share of the feature angle in the feature loss."
        ),
    ] = DEFAULTS.angle,
    reuse: Annotated[int, typer.Option("--reuse", min=1, help="Times that each pair is used.")] = (
        DEFAULTS.reuse
    ),
    precision: PrecisionOption = "auto",
    validation: Annotated[
        int, typer.Option("--validation", min=5, help="Photos held out for validation.")
    ] = DEFAULTS.validation,
    checkpoint: CheckpointOption = None,
    imports: ImportOption = None,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init", metavar="FILE", help="Begin with this trained module, not with a new one."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint beside --out.")
    ] = False,
    seed: SeedOption = DEFAULTS.seed,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes that make training pairs.")
    ] = 1,
    device: DeviceOption = "auto",
    quiet: console.QuietOption = False,
    debug: console.DebugOption = False,
) -> None:
    """Train an AFD module for a frozen classifier. Needs no labels, and a few hundred photos.

    A checkpoint is kept beside --out; Ctrl-C keeps the best module so far.
    """
    # Read once, when torch is loaded. Threads that spin while they wait fight with the readers for
    # the cores: beside one busy process, a step takes 2.6 s with spinning and 1.2 s without.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from afdcli.backbones.precision import choose_precision, precision_name
    from afdcli.engine.device import choose_device
    from afdcli.engine.memory import keep_freed_memory

    if plug not in ("stem", "input"):
        raise UsageError(f"--plug {plug}: choose stem or input")
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out}: the name of a module ends in .safetensors")
    if minutes is None and steps is None:
        minutes = DEFAULTS.minutes
    keep_freed_memory()
    quiet = quiet or os.environ.get("RANK", "0") != "0"  # of torchrun; one process speaks
    chosen = choose_device(device)
    if chosen == "cuda":
        chosen = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    settings = Settings(
        minutes=minutes,
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        divergence=divergence,
        deep=deep,
        side=side,
        angle=angle,
        reuse=reuse,
        precision=precision_name(choose_precision(precision, chosen)),
        validation=validation,
        init=init.name if init else "",
        seed=seed,
    )
    photos = _collect(data, exclude, settings)
    _say_skipped(photos, quiet)

    from afdcli.backbones.loader import DEFAULT, load_backbone
    from afdcli.train import session

    if len(backbone or ()) > 1 and checkpoint is not None:
        raise UsageError(
            "--checkpoint belongs to one backbone; for several, write NAME=FILE in --backbone"
        )
    backbones = []
    for item in backbone or [DEFAULT]:
        name, _, file = item.partition("=")
        weights = Path(file) if file else checkpoint
        backbones.append(load_backbone(name, checkpoint=weights, imports=imports or ()))
    plan = session.make_plan(
        backbones, "stem" if plug == "stem" else "input", preset, plug_at, chosen
    )
    _say_plan(plan, photos, quiet)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _progress_bar(quiet) as bar:
        task = bar.add_task("starting", total=1.0)
        outcome = session.train(
            plan,
            photos,
            settings,
            out,
            lambda p: bar.update(task, completed=p.share, description=_line(p)),
            init=init,
            resume=resume,
            workers=workers,
            device=chosen,
            command=shlex.join(["afd", *sys.argv[1:]]),
        )
    _say_outcome(outcome, out, plan, quiet)
    if outcome.interrupted:
        raise typer.Exit(console.EXIT_INTERRUPTED)


def _collect(data: list[Path], exclude: Path | None, settings: Settings) -> PhotoSet:
    from afdcli.train.photos import collect

    for folder in data:
        if not folder.is_dir():
            raise UsageError(f"--data {folder}: no such folder")
    listed: set[str] = set()
    if exclude is not None:
        try:
            listed = set(exclude.read_text(encoding="utf-8").splitlines())
        except OSError as error:
            raise UsageError(f"--exclude {exclude} cannot be read: {error.strerror}") from error
    return collect(data, settings.validation, settings.seed, listed)


def _say_skipped(photos: PhotoSet, quiet: bool) -> None:
    if photos.skipped:
        name, reason = next(iter(photos.skipped.items()))
        console.err(quiet).print(
            f"skipped {len(photos.skipped)} files that cannot be trained on, e.g. {name}: {reason}",
            markup=False,
        )


def _say_plan(plan: Plan, photos: PhotoSet, quiet: bool) -> None:
    names = ", ".join(backbone.name for backbone in plan.backbones)
    place = f"behind {plan.where}" if plan.plug == "stem" else "in front of the backbone"
    stages = ", ".join(plan.config.stage_names)
    console.err(quiet).print(
        f"{names}: module with c = {plan.config.width} {place}, {plan.config.channels} channels"
        f"{f', at {stages}' if stages else ''}"
        f"{f', at {len(plan.config.places)} normalisations' if plan.config.places else ''}; "
        f"{len(photos.training)} photos, {len(photos.validation)} more held out",
        markup=False,
    )


def _progress_bar(quiet: bool) -> Bar:
    return Bar(
        BarColumn(bar_width=16),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console.err(quiet),
        disable=quiet,
    )


def _line(p: Progress) -> str:
    minutes, seconds = divmod(round(p.seconds_left), 60)
    return (
        f"{minutes}:{seconds:02d} left, loss {p.feature_loss:.2f}+{p.divergence:.2f}, "
        f"angle {-100 * p.score.angle_reduction:+.0f} %, {p.pairs_per_second:.0f}/s"
    )


def _say_outcome(outcome: Outcome, out: Path, plan: Plan, quiet: bool) -> None:
    s = outcome.score
    table = Table(title=f"{s.photos} held-out photos, QF 25, 18, 15, 10, 7 in turn")
    for column in ("", "direct", "with AFD"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("feature angle to the clean photo", f"{s.angle_direct:.2f}°", f"{s.angle:.2f}°")
    table.add_row("same label as the clean photo", f"{s.agree_direct:.1%}", f"{s.agree:.1%}")
    table.add_row("output divergence", f"{s.divergence_direct:.3f}", f"{s.divergence:.3f}")
    screen = console.out(quiet)
    screen.print(table)
    state = "interrupted after" if outcome.interrupted else "trained"
    screen.print(f"{state} {outcome.steps} steps in {outcome.minutes:.1f} min; best module: {out}")
    if s.divergence > (1 - _LEAST) * s.divergence_direct:
        console.err(quiet).print(
            "the module has learnt next to nothing: outputs are as far from those for the clean "
            "photos as without it. Train longer (--minutes), or more slowly (--lr)",
        )
    if outcome.interrupted:
        screen.print("go on with the same command and --resume")
    elif plan.plug == "stem":
        name = plan.backbones[0].name
        screen.print(f"use it: afd classify PHOTOS --backbone {name} --afd {out}", soft_wrap=True)

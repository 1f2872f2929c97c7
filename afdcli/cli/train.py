"""``afd train``: an AFD module for a frozen classifier, from unlabelled photos."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli import console
from afdcli.cli.options import (
    MOST_SECONDS,
    MOST_WORKERS,
    CheckpointOption,
    DeviceOption,
    IccOption,
    ImportOption,
    OverwriteOption,
    SeedOption,
    a_number,
)
from afdcli.errors import UsageError
from afdcli.storage.writable import check_file
from afdcli.train.settings import Settings, checkpoint_path

if TYPE_CHECKING:
    from afdcli.models.loader import Backbone
    from afdcli.train.photos import PhotoSet

DEFAULTS = Settings()


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
        float | None,
        typer.Option(
            "--minutes",
            min=0.01,
            max=MOST_SECONDS / 60,
            callback=a_number,
            help="Budget; 20 unless --steps.",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, max=10**9, help="Budget in steps.")
    ] = None,
    exclude: Annotated[
        Path | None,
        typer.Option(
            "--exclude", metavar="FILE", help="List of relative paths not to train on (test split)."
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, max=65_536, help="Pairs per step.")
    ] = (DEFAULTS.batch_size),
    lr: Annotated[
        float, typer.Option("--lr", min=0.0, max=1.0, callback=a_number, help="Peak learning rate.")
    ] = DEFAULTS.lr,
    divergence: Annotated[
        float,
        typer.Option(
            "--divergence",
            min=0.0,
            max=1000.0,
            callback=a_number,
            help="Weight of the output divergence.",
        ),
    ] = DEFAULTS.divergence,
    deep: Annotated[
        float,
        typer.Option(
            "--deep",
            min=0.0,
            max=1000.0,
            callback=a_number,
            help="Weight of the loss at the stages' ends.",
        ),
    ] = DEFAULTS.deep,
    side: Annotated[
        int,
        typer.Option(
            "--side",
            min=0,
            max=4096,
            metavar="PX",
            help="Side of training pictures; 0: the classifier's input size.",
        ),
    ] = DEFAULTS.side,
    angle: Annotated[
        float,
        typer.Option(
            "--angle",
            min=0.0,
            max=1.0,
            callback=a_number,
            help="Share of the feature angle in the feature loss.",
        ),
    ] = DEFAULTS.angle,
    reuse: Annotated[
        int, typer.Option("--reuse", min=1, max=10_000, help="Times that each pair is used.")
    ] = (DEFAULTS.reuse),
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="P",
            help="auto, fp32, bf16 or fp16; auto takes bf16 where it is faster.",
        ),
    ] = "auto",
    validation: Annotated[
        int, typer.Option("--validation", min=5, max=50_000, help="Photos held out for validation.")
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
    icc: IccOption = DEFAULTS.icc,
    overwrite: OverwriteOption = False,
    seed: SeedOption = DEFAULTS.seed,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=1, max=MOST_WORKERS, help="Processes that make training pairs."
        ),
    ] = 1,
    device: DeviceOption = "auto",
    quiet: console.QuietOption = False,
    debug: console.DebugOption = False,
) -> None:
    """Train an AFD module for a frozen classifier. Needs no labels, and a few hundred photos.

    A checkpoint is kept beside --out; Ctrl-C keeps the module so far.
    """
    # Read once, when torch is loaded. Threads that spin while they wait fight with the readers for
    # the cores: beside one busy process, a step takes 2.6 s with spinning and 1.2 s without.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from afdcli.cli import train_screen as screen
    from afdcli.models.device import choose_device
    from afdcli.models.memory import keep_freed_memory
    from afdcli.models.precision import choose_precision, precision_name
    from afdcli.storage.lock import locked

    if plug not in ("stem", "input"):
        raise UsageError(f"--plug {plug}: choose stem or input")
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out}: the name of a module ends in .safetensors")
    _check_out(out, [checkpoint, *(Path(item.partition("=")[2]) for item in backbone or ())])
    _check_unused(out, resume, overwrite)
    keep_freed_memory()
    chosen = choose_device(device)
    settings = Settings(
        minutes=DEFAULTS.minutes if minutes is None and steps is None else minutes,
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
        icc=icc,
        seed=seed,
    )
    photos = _collect(data, exclude, settings)
    screen.say_skipped(photos, quiet)

    from afdcli.train import run as session

    backbones = _load(backbone, checkpoint, imports)
    plan = session.make_plan(
        backbones, "stem" if plug == "stem" else "input", preset, plug_at, chosen
    )
    screen.say_plan(plan, photos, quiet)
    out.parent.mkdir(parents=True, exist_ok=True)
    with locked(out), screen.training_bar(quiet) as show:
        outcome = session.train(
            plan,
            photos,
            settings,
            out,
            show,
            init=init,
            resume=resume,
            workers=workers,
            device=chosen,
            command=shlex.join(["afd", *sys.argv[1:]]),
        )
    screen.say_outcome(outcome, out, plan, quiet)
    if outcome.interrupted:
        raise typer.Exit(console.EXIT_INTERRUPTED)


def _check_unused(out: Path, resume: bool, overwrite: bool) -> None:
    """Refuse to replace a module, or the checkpoint of a run that was cut off, unasked."""
    if resume and overwrite:
        raise UsageError("--resume goes on with the checkpoint, --overwrite drops it: choose")
    there = [path for path in (out, checkpoint_path(out)) if path.exists()]
    if there and not (resume or overwrite):
        raise UsageError(
            f"{there[0]} exists already: --resume goes on with its training, --overwrite replaces"
            " it; or give another --out"
        )


def _check_out(out: Path, weights: Sequence[Path | None]) -> None:
    """See that the module and its checkpoint can be written, and overwrite no classifier."""
    written = (out, checkpoint_path(out))
    for path in written:
        check_file(path)
    for file in filter(None, weights):
        if file.name and file.resolve() in {path.resolve() for path in written}:
            raise UsageError(
                f"--out {out}: would overwrite the weights {file}; choose another name"
            )


def _load(
    names: list[str] | None, checkpoint: Path | None, imports: list[str] | None
) -> list[Backbone]:
    """The classifiers that are named, NAME or NAME=FILE; the shipped one if none is."""
    from afdcli.models.loader import load_backbone
    from afdcli.models.packaged import DEFAULT

    if len(names or ()) > 1 and checkpoint is not None:
        raise UsageError(
            "--checkpoint belongs to one backbone; for several, write NAME=FILE in --backbone"
        )
    backbones = []
    for item in names or [DEFAULT]:
        name, _, file = item.partition("=")
        weights = Path(file) if file else checkpoint
        backbones.append(load_backbone(name, checkpoint=weights, imports=imports or ()))
    return backbones


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

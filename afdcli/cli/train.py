"""``afd train``: train an AFD module for a frozen classifier, from unlabelled photos."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from afdcli.cli import console
from afdcli.cli.options import (
    MOST_WORKERS,
    CheckpointOption,
    DeviceOption,
    IccOption,
    ImportOption,
    OverwriteOption,
    SeedOption,
    a_number,
)
from afdcli.cli.train_inputs import check_out, check_unused, collect_photos, load_backbones
from afdcli.errors import UsageError
from afdcli.train.settings import Settings

DEFAULTS = Settings()


def train(
    data: Annotated[
        list[Path],
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder of good, unlabelled photos; repeatable. Each folder gives as many pairs.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Module file to write (.safetensors).")
    ] = Path("module.safetensors"),
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            "--backbone",
            metavar="NAME[=FILE]",
            help="Classifier to train for, and its weights file; repeatable with --plug input."
            " Default: EfficientNet-Lite0.",
        ),
    ] = None,
    plug: Annotated[
        str,
        typer.Option(
            "--plug",
            metavar="stem|input",
            help="stem: recovers most, for this backbone only; input: for any backbone.",
        ),
    ] = "stem",
    plug_at: Annotated[
        str | None,
        typer.Option(
            "--plug-at",
            metavar="MODULE",
            help="Plug in behind this module of the backbone instead.",
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            metavar="P",
            help="Module size: large, small, nano, pico, paper (stem only), or auto: by the "
            "backbone's size.",
        ),
    ] = "auto",
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            metavar="N",
            min=0.01,
            max=100_000.0,
            callback=a_number,
            help="Training time. Default: 20, unless --steps is given.",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", min=1, max=10**9, help="Training steps.")
    ] = None,
    exclude: Annotated[
        Path | None,
        typer.Option("--exclude", metavar="FILE", help="List of relative paths not to train on."),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option("--batch-size", metavar="N", min=1, max=65_536, help="Pairs per step."),
    ] = DEFAULTS.batch_size,
    lr: Annotated[
        float,
        typer.Option(
            "--lr", metavar="X", min=0.0, max=1.0, callback=a_number, help="Peak learning rate."
        ),
    ] = DEFAULTS.lr,
    divergence: Annotated[
        float,
        typer.Option(
            "--divergence",
            metavar="X",
            min=0.0,
            max=1000.0,
            callback=a_number,
            help="Loss weight of the output divergence.",
        ),
    ] = DEFAULTS.divergence,
    deep: Annotated[
        float,
        typer.Option(
            "--deep",
            metavar="X",
            min=0.0,
            max=1000.0,
            callback=a_number,
            help="Loss weight of the features at the ends of the stages.",
        ),
    ] = DEFAULTS.deep,
    side: Annotated[
        int,
        typer.Option(
            "--side",
            min=0,
            max=4096,
            metavar="PX",
            help="Side of the training crops; 0: the classifier's input size.",
        ),
    ] = DEFAULTS.side,
    angle: Annotated[
        float,
        typer.Option(
            "--angle",
            metavar="X",
            min=0.0,
            max=1.0,
            callback=a_number,
            help="Share of the angle in the feature loss; the rest is L1.",
        ),
    ] = DEFAULTS.angle,
    reuse: Annotated[
        int,
        typer.Option(
            "--reuse", metavar="N", min=1, max=10_000, help="How often each pair is used."
        ),
    ] = DEFAULTS.reuse,
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="P",
            help="auto, fp32, bf16 or fp16. auto uses bf16 where the hardware is fast at it.",
        ),
    ] = "auto",
    validation: Annotated[
        int,
        typer.Option(
            "--validation",
            metavar="N",
            min=5,
            max=50_000,
            help="Photos held out for validation.",
        ),
    ] = DEFAULTS.validation,
    checkpoint: CheckpointOption = None,
    imports: ImportOption = None,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init", metavar="FILE", help="Start from this trained module instead of a new one."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint beside --out.")
    ] = False,
    icc: IccOption = DEFAULTS.icc,
    overwrite: OverwriteOption = False,
    seed: SeedOption = DEFAULTS.seed,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            max=MOST_WORKERS,
            help="Processes that make training pairs.",
        ),
    ] = 1,
    device: DeviceOption = "auto",
    quiet: console.QuietOption = False,
    debug: console.DebugOption = False,
) -> None:
    """Train an AFD module for a frozen classifier, on a few hundred unlabelled photos.

    Ctrl-C ends training early and keeps the module; --resume continues from its checkpoint.
    """
    # Read once, when torch is loaded. Threads that spin while they wait compete with the readers
    # for cores: beside one busy process, a step takes 2.6 s with spinning and 1.2 s without.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from afdcli.cli import train_screen as screen
    from afdcli.models.device import choose_device
    from afdcli.models.memory import keep_freed_memory
    from afdcli.models.precision import choose_precision, precision_name
    from afdcli.storage.lock import locked

    if plug not in ("stem", "input"):
        raise UsageError(f"--plug {plug}: choose stem or input")
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out}: the name of a module must end in .safetensors")
    check_out(out, [checkpoint, *(Path(item.partition("=")[2]) for item in backbone or ())])
    check_unused(out, resume, overwrite)
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
    photos = collect_photos(data, exclude, settings)
    screen.say_skipped(photos, quiet)

    from afdcli.train import run as session

    backbones = load_backbones(backbone, checkpoint, imports)
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

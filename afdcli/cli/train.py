"""``afd train``: train an AFD module for a frozen classifier, from unlabelled photos."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from afdcli.cli import console, options
from afdcli.cli import train_options as own
from afdcli.cli.command import ConfigOption, command_line
from afdcli.cli.train_inputs import (
    backbone_names,
    check_out,
    check_unused,
    collect_photos,
    load_backbones,
)
from afdcli.errors import UsageError
from afdcli.train.settings import Settings

DEFAULTS = Settings()


def train(
    data: own.Data,
    exclude: own.Exclude = None,
    validation: own.Validation = DEFAULTS.validation,
    icc: options.Icc = DEFAULTS.icc,
    backbone: own.Backbone = None,
    checkpoint: options.Checkpoint = None,
    imports: options.Import = None,
    preset: own.Preset = "auto",
    plug: own.Plug = "stem",
    plug_at: own.PlugAt = None,
    init: own.Init = None,
    minutes: own.Minutes = None,
    steps: own.Steps = None,
    batch_size: own.BatchSize = DEFAULTS.batch_size,
    lr: own.Lr = DEFAULTS.lr,
    divergence: own.Divergence = DEFAULTS.divergence,
    deep: own.Deep = DEFAULTS.deep,
    angle: own.Angle = DEFAULTS.angle,
    side: own.Side = DEFAULTS.side,
    reuse: own.Reuse = DEFAULTS.reuse,
    seed: options.Seed = DEFAULTS.seed,
    out: own.Out = Path("module.safetensors"),
    resume: own.Resume = False,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    device: options.Device = "auto",
    precision: own.Precision = "auto",
    workers: own.Workers = 1,
    config: ConfigOption = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train an AFD module for a frozen classifier, on a few hundred unlabelled photos.

    Ctrl-C ends training early and keeps the module; --resume continues from its checkpoint.

    Examples:
        afd train --data good_photos/ --minutes 20 --out mine.safetensors
        afd train --backbone resnet50 --data good_photos/ --out resnet50.safetensors
    """
    # Read once, when torch is loaded. Threads that spin while they wait compete with the readers
    # for cores: beside one busy process, a step takes 2.6 s with spinning and 1.2 s without.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if plug not in ("stem", "input"):
        raise UsageError(f"--plug {plug}: choose stem or input")
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out}: the name of a module must end in .safetensors")
    check_out(out, [checkpoint, *(Path(item.partition("=")[2]) for item in backbone or ())])
    check_unused(out, resume, overwrite)
    console.say_loading(", ".join(backbone_names(backbone)), quiet)

    from afdcli.cli import train_screen as screen
    from afdcli.models.device import choose_device
    from afdcli.models.memory import keep_freed_memory
    from afdcli.models.precision import choose_precision, precision_name
    from afdcli.storage.lock import locked

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
    with console.say_if_slow("checking the photos …", quiet):
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
            command=command_line(),
        )
    if as_json:
        facts = screen.outcome_facts(outcome, out, plan, photos)
        console.print_json({"command": command_line(), **facts})
    else:
        screen.say_outcome(outcome, out, plan, quiet)
    if outcome.interrupted:
        raise typer.Exit(console.EXIT_INTERRUPTED)

"""``afd train``: train an AFD module for a frozen classifier, from unlabelled photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli import console, options
from afdcli.cli import train_options as own
from afdcli.cli.command import ConfigOption, command_line
from afdcli.errors import UsageError
from afdcli.models.shipped import DEFAULT
from afdcli.storage.writable import check_file
from afdcli.train.settings import TrainSettings, checkpoint_path

if TYPE_CHECKING:
    from afdcli.models.loader import Backbone
    from afdcli.train.photos import PhotoSet

DEFAULTS = TrainSettings()


def train(
    data: Annotated[list[Path], own.DATA],
    exclude: Annotated[Path | None, own.EXCLUDE] = None,
    validation: Annotated[int, own.VALIDATION] = DEFAULTS.validation,
    icc: Annotated[bool, options.ICC] = DEFAULTS.icc,
    backbone: Annotated[list[str] | None, own.BACKBONE] = None,
    checkpoint: Annotated[Path | None, options.CHECKPOINT] = None,
    imports: Annotated[list[str] | None, options.IMPORT] = None,
    preset: Annotated[str, own.PRESET] = "auto",
    plug: Annotated[str, own.PLUG] = "stem",
    plug_at: Annotated[str | None, own.PLUG_AT] = None,
    init: Annotated[Path | None, own.INIT] = None,
    minutes: Annotated[float | None, own.MINUTES] = None,
    steps: Annotated[int | None, own.STEPS] = None,
    batch_size: Annotated[int, own.BATCH_SIZE] = DEFAULTS.batch_size,
    lr: Annotated[float, own.LR] = DEFAULTS.lr,
    divergence: Annotated[float, own.DIVERGENCE] = DEFAULTS.divergence,
    deep: Annotated[float, own.DEEP] = DEFAULTS.deep,
    angle: Annotated[float, own.ANGLE] = DEFAULTS.angle,
    side: Annotated[int, own.SIDE] = DEFAULTS.side,
    reuse: Annotated[int, own.REUSE] = DEFAULTS.reuse,
    seed: Annotated[int, options.SEED] = DEFAULTS.seed,
    out: Annotated[Path, own.OUT] = Path("module.safetensors"),
    resume: Annotated[bool, own.RESUME] = False,
    overwrite: Annotated[bool, options.OVERWRITE] = False,
    as_json: Annotated[bool, options.JSON] = False,
    device: Annotated[str, options.DEVICE] = "auto",
    precision: Annotated[str, own.PRECISION] = "auto",
    workers: Annotated[int, own.WORKERS] = 1,
    config: ConfigOption = None,
    quiet: Annotated[bool, options.QUIET] = False,
    debug: Annotated[bool, options.DEBUG] = False,
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
    named = [item.partition("=") for item in backbone or [DEFAULT]]
    weights = [checkpoint, *(Path(file) for _, _, file in named if file)]
    _check_out(out, weights, resume, overwrite)
    console.say_loading(", ".join(name for name, _, _ in named), quiet)

    from afdcli.cli import train_screen as screen
    from afdcli.models.device import choose_device
    from afdcli.models.precision import choose_precision, precision_name
    from afdcli.storage.lock import locked
    from afdcli.workers.memory import keep_freed_memory

    keep_freed_memory()
    chosen = choose_device(device)
    settings = TrainSettings(
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
        photos = _collect_photos(data, exclude, settings)
    screen.say_skipped(photos, quiet)

    from afdcli.train import run as session

    backbones = _load_backbones(backbone or [DEFAULT], checkpoint, imports)
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


def _check_out(out: Path, weights: Sequence[Path | None], resume: bool, overwrite: bool) -> None:
    """Refuse names that cannot be written, or whose file would be lost, with a UsageError."""
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out}: the name of a module must end in .safetensors")
    written = (out, checkpoint_path(out))
    for path in written:
        check_file(path, inputs=weights)
    if resume and overwrite:
        raise UsageError(
            "--resume continues from the checkpoint, --overwrite drops it: give only one"
        )
    there = [path for path in written if path.exists()]
    if there and not (resume or overwrite):
        raise UsageError(
            f"{there[0]} exists: use --resume to continue its training, --overwrite to replace it,"
            " or another --out"
        )


def _load_backbones(
    named: Sequence[str], checkpoint: Path | None, imports: list[str] | None
) -> list[Backbone]:
    """The classifiers given as NAME or NAME=FILE."""
    from afdcli.models.loader import load_backbone

    if len(named) > 1 and checkpoint is not None:
        raise UsageError(
            "--checkpoint works with one backbone; for several, use --backbone NAME=FILE"
        )
    backbones = []
    for item in named:
        name, _, file = item.partition("=")
        weights = Path(file) if file else checkpoint
        backbones.append(load_backbone(name, checkpoint=weights, imports=imports or ()))
    return backbones


def _collect_photos(data: list[Path], exclude: Path | None, settings: TrainSettings) -> PhotoSet:
    """Find the photos in the --data folders, without those listed in --exclude-list."""
    from afdcli.train.photos import collect

    for folder in data:
        if folder.is_file():
            raise UsageError(f"--data {folder}: takes a folder; unpack an archive first")
        if not folder.is_dir():
            raise UsageError(f"--data {folder}: no such folder")
    listed: set[str] = set()
    if exclude is not None:
        try:
            listed = set(exclude.read_text(encoding="utf-8").splitlines())
        except OSError as error:
            raise UsageError(
                f"--exclude-list {exclude} cannot be read: {error.strerror}"
            ) from error
    return collect(data, settings.validation, settings.seed, listed)

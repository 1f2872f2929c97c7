"""What ``afd train`` checks and loads before it trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afdcli.errors import UsageError
from afdcli.models.shipped import DEFAULT
from afdcli.storage.writable import check_file
from afdcli.train.settings import Settings, checkpoint_path

if TYPE_CHECKING:
    from afdcli.models.loader import Backbone
    from afdcli.train.photos import PhotoSet


def check_unused(out: Path, resume: bool, overwrite: bool) -> None:
    """Refuse to replace a module or a checkpoint without --overwrite."""
    if resume and overwrite:
        raise UsageError(
            "--resume continues from the checkpoint, --overwrite drops it: give only one"
        )
    there = [path for path in (out, checkpoint_path(out)) if path.exists()]
    if there and not (resume or overwrite):
        raise UsageError(
            f"{there[0]} exists: use --resume to continue its training, --overwrite to replace it,"
            " or another --out"
        )


def check_out(out: Path, weights: Sequence[Path | None]) -> None:
    """Check that module and checkpoint can be written and do not overwrite a classifier."""
    written = (out, checkpoint_path(out))
    for path in written:
        check_file(path)
    for file in filter(None, weights):
        if file.name and file.resolve() in {path.resolve() for path in written}:
            raise UsageError(
                f"--out {out}: would overwrite the weights {file}; choose another name"
            )


def backbone_names(backbones: list[str] | None) -> list[str]:
    """Names of the classifiers given as NAME or NAME=FILE, or of the default one."""
    return [item.partition("=")[0] for item in backbones or [DEFAULT]]


def load_backbones(
    names: list[str] | None, checkpoint: Path | None, imports: list[str] | None
) -> list[Backbone]:
    """The classifiers given as NAME or NAME=FILE, or the default one."""
    from afdcli.models.loader import load_backbone

    if len(names or ()) > 1 and checkpoint is not None:
        raise UsageError(
            "--checkpoint works with one backbone; for several, use --backbone NAME=FILE"
        )
    backbones = []
    for item in names or [DEFAULT]:
        name, _, file = item.partition("=")
        weights = Path(file) if file else checkpoint
        backbones.append(load_backbone(name, checkpoint=weights, imports=imports or ()))
    return backbones


def collect_photos(data: list[Path], exclude: Path | None, settings: Settings) -> PhotoSet:
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

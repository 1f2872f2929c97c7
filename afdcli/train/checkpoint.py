"""Checkpoints: the state of a training run, to resume it after a crash."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from afdcli.core.config import AFDConfig
from afdcli.errors import ModuleError, UsageError
from afdcli.storage.paths import trouble
from afdcli.train.settings import TrainSettings

_LONGEST_SHOWN = 60  # characters of an option's value


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write *state* (tensors and plain values) so that a crash leaves the old one or the new.

    Raises:
        ResultsError: it cannot be written.
    """
    data = io.BytesIO()  # torch tells of a full disk in words only, and not always
    torch.save(state, data)
    part = path.with_suffix(".ckpt.part")
    with trouble("write", path):
        try:
            part.write_bytes(data.getbuffer())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def load_checkpoint(path: Path, identity: Mapping[str, str]) -> dict[str, Any]:
    """Read a checkpoint of the same run.

    Raises:
        UsageError: there is none, or it belongs to a run with other options, or of an older afd.
        ModuleError: it cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"--resume: there is no checkpoint {path}; start without --resume")
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # of a damaged file torch raises about anything
        reason = str(error).partition("\n")[0]
        raise ModuleError(f"the checkpoint {path} cannot be read: {reason}") from error
    if not isinstance(state, dict):
        raise ModuleError(f"{path} is no checkpoint of afd; start without --resume")
    theirs: Any = state.get("identity")
    same_kind = isinstance(theirs, dict) and theirs.keys() == identity.keys() and "kept" in state
    if not same_kind:
        raise UsageError(f"--resume: {path} was written by an older afd; start without --resume")
    other = [_difference(n, theirs[n], ours) for n, ours in identity.items() if theirs[n] != ours]
    if other:
        raise UsageError(
            f"--resume: {path} was written with other options ({', '.join(other)}); repeat them, "
            "or start without --resume"
        )
    return state


def _difference(name: str, theirs: str, ours: str) -> str:
    """How an option differs; a module's configuration and the photos are too long to show."""
    long = max(len(theirs), len(ours)) > _LONGEST_SHOWN
    return f"{name} differs" if long else f"{name} {theirs}, now {ours}"


def identity_of(
    backbones: Sequence[str],
    plug: str,
    config: AFDConfig,
    settings: TrainSettings,
    held_out: Sequence[Path],
) -> dict[str, str]:
    """What must be the same for a run to be resumed, by name; the budget may grow.

    Args:
        backbones: their names.
        held_out: the photos for validation: scores of others cannot be compared.
    """
    photos = "\n".join(sorted(path.name for path in held_out))
    facts = {
        "backbone": " + ".join(backbones),
        "plug": plug,
        "module": config.to_json(),
        **asdict(settings),
        "photos held out": hashlib.sha256(os.fsencode(photos)).hexdigest(),
    }
    return {name: str(value) for name, value in facts.items() if name not in ("minutes", "steps")}

"""Checkpoints: the state of a training run, to resume it after a crash."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from afdcli.errors import ModuleError, UsageError
from afdcli.storage.paths import trouble


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


def load_checkpoint(path: Path, identity: str) -> dict[str, Any]:
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
    if state.get("identity") != identity:
        raise UsageError(
            f"--resume: {path} was written with other options; start without --resume, "
            f"or repeat them: {state.get('identity')}"
        )
    if "kept" not in state or "muon" not in state["optimiser"]:
        raise UsageError(f"--resume: {path} was written by an older afd; start without --resume")
    return state

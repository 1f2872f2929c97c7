"""Checkpoints: the state of a training run, to resume it after a crash."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from afdcli.errors import ModuleError, UsageError


def checkpoint_path(out: Path) -> Path:
    """Beside the module: ``module.safetensors`` -> ``module.ckpt``."""
    return out.with_suffix(".ckpt")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write *state* (tensors and plain values): a crash leaves the old file or the new one."""
    part = path.with_suffix(".ckpt.part")
    torch.save(state, part)
    part.replace(path)


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
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ModuleError(f"the checkpoint {path} cannot be read: {error}") from error
    if state.get("identity") != identity:
        raise UsageError(
            f"--resume: {path} was written with other options; start without --resume, "
            f"or repeat them: {state.get('identity')}"
        )
    if "kept" not in state:
        raise UsageError(f"--resume: {path} was written by an older afd; start without --resume")
    return state

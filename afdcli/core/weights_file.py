"""Module files: weights and configuration as safetensors; saved, loaded, fused.

The only part of the core that touches files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from afdcli.core.config_json import read_config
from afdcli.core.cost import AllOutputs, Cost, measure, random_inputs, relative_difference
from afdcli.core.module import AFDModule
from afdcli.core.repconv import RepConv
from afdcli.errors import ModuleError
from afdcli.storage.paths import trouble

CONFIG_KEY = "afd_config"
#: Largest relative difference between float32 outputs that rounding explains.
TOLERANCE = 1e-5

_DTYPES = ("F64", "F32", "F16", "BF16")  # of safetensors
#: How names of tensors begin in older files, and how they begin now.
_OLD_NAMES = {
    "fde.file.": "fde.context.",
    "modulation.spread.": "film.to_scale_shift.",
    "modulation.summary.": "film.bottleneck.",
    "stages.": "adapters.",
}


def save(module: AFDModule, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write the weights of *module* to *path*, its configuration among the *metadata*.

    The file is there whole, or as it was before.

    Raises:
        ResultsError: *path* cannot be written.
    """
    tensors = {name: value.contiguous() for name, value in module.state_dict().items()}
    # As bytes: safetensors' own files can be read by their owner only.
    data = to_bytes(tensors, {**(metadata or {}), CONFIG_KEY: module.config.to_json()})
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with trouble("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(data)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def load(path: Path) -> tuple[AFDModule, dict[str, str]]:
    """Read what `save` wrote: the module in eval mode, float32, and its metadata.

    Files of older versions load, too, see `_OLD_NAMES`. A file may come from a stranger: its
    configuration is checked field by field, and memory is taken only for tensors that the file
    really holds.

    Raises:
        ModuleError: the file is missing, no safetensors file, or no AFD module.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = dict(file.metadata() or {})
            # Files of other programs lack the key: say what the file is not.
            if CONFIG_KEY not in metadata:
                raise ModuleError(f"{path} holds no AFD module; give a file written by `afd train`")
            stored = {_new_name(name): name for name in file.keys()}  # noqa: SIM118
            try:
                module = _empty(metadata.pop(CONFIG_KEY), file, stored)
            except ModuleError as error:
                raise ModuleError(f"{path}: {error}") from error
            # Copies: the file's own memory is mapped, and would change with the file.
            tensors = {
                name: file.get_tensor(stored[name]).to(torch.float32, copy=True)
                for name in module.state_dict()
            }
    except FileNotFoundError:
        raise ModuleError(f"{path} does not exist; train one with `afd train`") from None
    except (SafetensorError, OSError) as error:
        raise ModuleError(f"{path} is not a readable safetensors file: {error}") from error
    odd = next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)
    if odd is not None:
        raise ModuleError(f"{path}: {odd} contains NaN or infinity; train it again")
    module.load_state_dict(tensors, assign=True)
    return module.eval(), metadata


def _new_name(name: str) -> str:
    """Today's name of the tensor that a file calls *name*."""
    for old, new in _OLD_NAMES.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _empty(text: str, file: Any, stored: dict[str, str]) -> AFDModule:
    """The module that *text* describes, without memory, if *file* holds the tensors for it.

    Args:
        stored: today's name of each tensor -> its name in the file.

    Raises:
        ModuleError: the configuration is damaged, or the file holds other tensors.
    """
    config = read_config(text)
    if config.stride == 4 and not any(name.startswith("fe.halve.") for name in stored):
        raise ModuleError(
            "it was trained by an older afd, whose preset pico skipped features; "
            "train it again with `afd train`"
        )
    with torch.device("meta"):
        module = AFDModule(config)
    expected = module.state_dict()
    if other := sorted(set(stored) ^ set(expected)):
        what = "lacks" if other[0] in expected else "has a needless"
        raise ModuleError(f"it does not hold what its configuration says: {what} {other[0]!r:.80}")
    for name, tensor in expected.items():
        part = file.get_slice(stored[name])
        if (shape := tuple(part.get_shape())) != tensor.shape:
            raise ModuleError(
                f"it does not hold what its configuration says: {name} has shape {shape}, "
                f"not {tuple(tensor.shape)}"
            )
        if part.get_dtype() not in _DTYPES:
            raise ModuleError(f"{name} is of type {part.get_dtype()}, not of floating point")
    return module


@dataclass(frozen=True)
class Fused:
    """The result of `fuse_file`.

    Attributes:
        before, after: cost per picture with RepConv branches, and with plain convolutions.
        difference: largest absolute difference between the outputs on random inputs, divided by
            the largest output or by 1, whichever is larger.
    """

    before: Cost
    after: Cost
    difference: float


def fuse_file(source: Path, out: Path) -> Fused:
    """Fuse the module in *source*, check its outputs, and write it to *out* with its metadata.

    Raises:
        ModuleError: *source* is no AFD module, is fused already, has no RepConv, or the fused
            outputs differ by more than `TOLERANCE`.
        ResultsError: *out* cannot be written.
    """
    module, metadata = load(source)
    if module.config.fused or module.config.block != "repconv":
        raise ModuleError(f"{source} has no RepConv branches: there is nothing to fuse")
    for child in module.modules():
        if isinstance(child, RepConv):
            child.fold = False  # compare with the branches themselves, not with their folded kernel
    fused = module.reparameterize()
    inputs = random_inputs(module.config)
    before, after = AllOutputs(module), AllOutputs(fused)
    with torch.inference_mode():
        difference = relative_difference(before(*inputs), after(*inputs))
    if not difference <= TOLERANCE:  # it may be NaN
        raise ModuleError(
            f"{source}: fused outputs differ by {difference:.1e}, more than {TOLERANCE:.0e}; "
            "its weights are out of range"
        )
    result = Fused(measure(before, inputs), measure(after, inputs), difference)
    save(fused, out, metadata)
    return result

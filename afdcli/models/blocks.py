"""Find the blocks that a classifier is built of, by resolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afdcli.models.watch import run_once

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_NO_BLOCKS = (*_CONTAINERS, nn.BatchNorm2d)  # timm's normalisations hold their activation


def blocks_by_stride(net: nn.Module, size: tuple[int, int]) -> dict[int, list[str]]:
    """View pixels per feature -> names of the blocks of that resolution, in the order they run.

    A block is a part of a stage that holds several layers, such as a residual block. Where the
    parts of a stage cannot be told, the stage is one block. Only outputs (B, C, h, w) count; most
    transformers have none. *size* is (height, width) of the inputs, in pixels.
    """
    modules, ends = dict(net.named_modules()), _ends(net)
    parts = [name for name, module in modules.items() if _is_part(name, module, modules, ends)]
    strides = {
        name: round(size[0] / shape[-2])
        for name, shape in output_shapes(net, size, [*parts, *ends]).items()
        if divides(shape[-2:], size)
    }
    found: dict[int, list[str]] = {}
    for name, stride in strides.items():
        if _is_block(name, strides, parts, ends) and (name in parts or ends[name] == stride):
            found.setdefault(stride, []).append(name)
    return found


def stage_ends(net: nn.Module) -> dict[int, str]:
    """View pixels per feature -> the last module of that resolution, as timm names them."""
    return {stride: name for name, stride in _ends(net).items()}  # the last one stays


def output_shapes(net: nn.Module, size: tuple[int, int], names: list[str]) -> dict[str, torch.Size]:
    """Shapes (B, C, h, w) of the outputs of the modules *names*, in the order they run.

    Modules that never run, run twice, or have another kind of output are left out.
    """
    seen = run_once(net, size, {name: net.get_submodule(name) for name in names})
    runs = [name for name, _ in seen]
    return {
        name: out.shape
        for name, out in seen
        if runs.count(name) == 1 and isinstance(out, Tensor) and out.dim() == 4
    }


def divides(features: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether both axes shrank by the same factor, give or take a border."""
    ratios = [view / max(1, feature) for view, feature in zip(size, features, strict=True)]
    return min(ratios) >= 0.9 and max(ratios) / min(ratios) < 1.3


def _ends(net: nn.Module) -> dict[str, int]:
    """Modules that end a stage, as timm names them -> view pixels per feature, in order."""
    modules = dict(net.named_modules())
    infos = getattr(net, "feature_info", None) or ()
    return {info["module"]: int(info["reduction"]) for info in infos if info["module"] in modules}


def _is_part(
    name: str, module: nn.Module, modules: dict[str, nn.Module], ends: dict[str, int]
) -> bool:
    """Whether *module* can be a block: it has layers, and lies in a container or a stage."""
    parent = name.rpartition(".")[0]
    if not name or not list(module.children()) or isinstance(module, _NO_BLOCKS):
        return False
    in_container = isinstance(modules[parent], _CONTAINERS)
    return (in_container and any(_within(name, end) for end in ends)) or parent in ends


def _is_block(name: str, strides: dict[str, int], parts: list[str], ends: dict[str, int]) -> bool:
    """Whether *name* is the outermost part of a stage, or a stage without parts."""
    if name in ends:
        return not any(other in parts and other.startswith(f"{name}.") for other in strides)
    around = [other for other in strides if name.startswith(f"{other}.") and other in parts]
    return all(other in ends for other in around)


def _within(name: str, end: str) -> bool:
    """Whether the module *name* is a part of the stage *end* or of one beside it."""
    beside = end.rpartition(".")[0]
    return name.startswith(f"{end}.") or (bool(beside) and name.startswith(f"{beside}."))

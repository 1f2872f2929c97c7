"""Where a classifier's features are corrected: at the stem, the stages, the normalisation layers.

The paper's plug point is behind the first convolution, its normalisation and its activation.
`find_stem` knows that module in the large families and finds it by structure in others. Both are
verified: the network runs once, and the output must have the shape of features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from afdcli.core.config import Activation, NormLayer, Stage
from afdcli.core.presets import Placement
from afdcli.errors import BackboneError
from afdcli.models.blocks import blocks_by_stride, divides, stage_ends
from afdcli.models.watch import run_once

#: timm class -> module whose output ends the stem. Listed where the first convolution's own
#: normalisation and activation are not the end of it, or are applied out of module order.
STEMS: dict[str, str] = {
    "ResNet": "act1",  # also ResNeXt, SE-ResNet, Wide ResNet, ResNet-D's deep stem
    "EfficientNet": "bn1",  # also MobileNetV1, V2, MNASNet: normalisation and activation in one
    "MobileNetV3": "bn1",  # also LCNet, HardCoRe-NAS
    "RegNet": "stem",
    "ConvNeXt": "stem",
    "DenseNet": "features.norm0",
    "VisionTransformer": "patch_embed.proj",
    "SwinTransformer": "patch_embed.proj",
}

#: timm class -> the pooling behind the stem. It discards most features; a module behind it corrects
#: the rest just as well in a quarter of the time.
POOLINGS: dict[str, str] = {"ResNet": "maxpool", "DenseNet": "features.pool0"}

_QUARTER = 4  # view pixels per feature
_DEEP = 8
_USUAL = Placement()
_NORMS_AND_ACTS = ("norm", "bn", "act", "relu", "gelu", "silu", "swish", "elu")


@dataclass(frozen=True)
class StemPoint:
    """A verified plug point.

    Attributes:
        where: name of the module whose output is replaced.
        channels: C of that output, (B, C, h, w).
        stride: view pixels per feature, approximately.
        activation: what the features went through last.
    """

    where: str
    channels: int
    stride: float
    activation: Activation


def find_stem(
    net: nn.Module, size: tuple[int, int], at: str | None = None, quarter: bool = False
) -> StemPoint:
    """The plug point of *net* for inputs of *size* (height, width); *at* overrides the search.

    Args:
        quarter: take the first place at a quarter of the picture's resolution: behind the stem's
            pooling, where the network is known to have one, or behind the first block there.

    Raises:
        BackboneError: there is no module of that name, or its output is not (B, C, h, w).
    """
    modules = dict(net.named_modules())
    if at is not None:
        if at not in modules:
            raise BackboneError(f"--plug-at {at}: the backbone has no such module")
        return _verify(net, at, size)
    listed = STEMS.get(type(net).__name__)
    pooling = POOLINGS.get(type(net).__name__) if quarter else None
    if pooling is not None and pooling in modules:
        # A pooling of what was rectified needs no rectifying, but its corrections do.
        activation = find_stem(net, size).activation
        return replace(_verify(net, pooling, size), activation=activation)
    known = listed if listed in modules else None
    stem = _verify(net, known or _by_structure(net, size), size)
    if quarter and stem.stride < _QUARTER - 1:
        first = blocks_by_stride(net, size).get(_QUARTER)
        return _verify(net, first[0], size) if first else stem
    return stem


def _by_structure(net: nn.Module, size: tuple[int, int]) -> str:
    """The first convolution's block, with the normalisation and activation that follow it.

    The block is the largest module around the convolution whose output has the convolution's
    shape: all branches of a RepVGG stem, but not a stem with its pooling.
    """
    modules = {name: module for name, module in net.named_modules() if name}
    order = [(name, modules[name], _shape(out)) for name, out in run_once(net, size, modules)]
    first = next((i for i, (_, m, _) in enumerate(order) if isinstance(m, nn.Conv2d)), None)
    if first is None:
        raise BackboneError(
            "the backbone has no convolution that could be its stem; use --plug input, "
            "or name a module with --plug-at"
        )
    found, _, shape = order[first]
    for name, _, out in order[first:]:
        if order[first][0].startswith(f"{name}.") and out == shape:
            found = name
    last = next(i for i, (name, _, _) in enumerate(order) if name == found)
    for name, module, out in order[last + 1 :]:
        kind = type(module).__name__.lower()
        beside = name.rpartition(".")[0] == found.rpartition(".")[0]
        if any(part in kind for part in _NORMS_AND_ACTS) and beside and out == shape:
            found = name
        elif not list(module.children()) and not name.startswith(f"{found}."):
            break
    return found


def _verify(net: nn.Module, where: str, size: tuple[int, int]) -> StemPoint:
    """Run once and read the shape; find the activation that came last inside *where*."""
    inside = dict(net.get_submodule(where).named_modules())  # "" is the module itself
    runs = run_once(net, size, inside)
    shape = next((_shape(out) for name, out in runs if not name), None)
    # (B, h, w, C) has four dimensions, too; features of a stem are wider than they are many.
    if shape is None or len(shape) != 4 or not divides(shape[-2:], size):
        raise BackboneError(
            f"the output of {where} is {tuple(shape) if shape else 'never computed'}, "
            "not (B, C, h, w); choose another module with --plug-at, or --plug input"
        )
    leaves = [inside[name] for name, _ in runs if not list(inside[name].children())]
    active = [module for module in leaves if not isinstance(module, nn.Identity)]
    activation: Activation = "none"
    if active and isinstance(active[-1], nn.ReLU6):
        activation = "relu6"
    elif active and isinstance(active[-1], nn.ReLU):
        activation = "relu"
    return StemPoint(where, shape[1], size[0] / shape[-2], activation)


def _shape(out: Any) -> torch.Size | None:
    return out.shape if isinstance(out, Tensor) else None


def stages(net: nn.Module) -> tuple[str, ...]:
    """Modules that end the stages behind the stem, for comparing features deep in the network.

    Those of an eighth of the view and below. Empty for a network that does not name any.
    """
    return tuple(name for stride, name in stage_ends(net).items() if stride >= _DEEP)


def find_stages(
    net: nn.Module, size: tuple[int, int], stem: str, placement: Placement = _USUAL
) -> tuple[Stage, ...]:
    """Blocks behind the module *stem* that get an adapter, for inputs of *size* (height, width).

    The block that *stem* is or lies in counts. Of each resolution from `Placement.first_stride` to
    `Placement.last_stride` the first block, and then every `Placement.blocks_per_adapter`-th.
    """
    found, modules = [], dict(net.named_modules())
    by_stride = sorted(blocks_by_stride(net, size).items())
    ends = {name: modules[name] for _, blocks in by_stride for name in blocks}
    order = [name for name, _ in run_once(net, size, {**ends, stem: modules[stem]})]
    behind = set(order[order.index(stem) :])
    for stride, blocks in by_stride:
        if placement.first_stride <= stride <= placement.last_stride:
            usable = [name for name in blocks if name in behind]
            for name in usable[:: placement.blocks_per_adapter]:
                point = _verify(net, name, size)
                found.append(Stage(name, point.channels, stride, point.activation))
    return tuple(found)


def find_norm_layers(
    net: nn.Module, size: tuple[int, int], stem: str, placement: Placement = _USUAL
) -> tuple[NormLayer, ...]:
    """Normalisation layers behind the module *stem* that FiLM can use, for inputs of *size*.

    Batch normalisations only, which transformers do not have. The layers with the smallest outputs
    come first, up to `Placement.film_share` of all features behind the stem: changing a feature
    costs the same everywhere, but most features lie in a few wide layers at the front.
    """
    modules = dict(net.named_modules())
    layers = {n: m for n, m in modules.items() if n == stem or isinstance(m, nn.BatchNorm2d)}
    seen = run_once(net, size, layers)
    names = [name for name, _ in seen]
    behind = [pair for pair in seen[names.index(stem) + 1 :] if names.count(pair[0]) == 1]
    left = placement.film_share * sum(out.numel() for _, out in behind)
    chosen = []
    for name, out in sorted(behind, key=lambda pair: pair[1].numel()):
        left -= out.numel()
        if left < 0:
            break
        chosen.append(NormLayer(name, out.shape[1]))
    return tuple(sorted(chosen, key=lambda place: names.index(place.where)))

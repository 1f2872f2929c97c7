"""Begin a larger module with the weights of a smaller one, and compute the same at first.

What is new adds nothing yet: the last layers of new adapters and of FiLM are zero, and the units
that are there already do not read new ones (Net2Net: Chen et al., arXiv 1511.05641, section 2).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from afdcli.core.config import AFDConfig
from afdcli.core.module import AFDModule


def can_grow(small: AFDConfig, large: AFDConfig) -> bool:
    """Whether *large* has all that *small* has, and more adapters, FiLM layers or width of these.

    FE-Net and FDE-Net must be of the same shape.
    """
    grown = replace(
        small,
        adapter_width=large.adapter_width,
        stages=large.stages,
        film_width=large.film_width,
        norm_layers=large.norm_layers,
    )
    return (
        grown == large
        and small.adapter_width <= large.adapter_width
        and set(small.stages) <= set(large.stages)
        and small.film_width <= large.film_width
        and set(small.norm_layers) <= set(large.norm_layers)
    )


@torch.no_grad()
def grown(small: AFDModule, config: AFDConfig) -> AFDModule:
    """A new module of *config* that computes what *small* does; see `can_grow`."""
    large = AFDModule(config)
    large.fe.load_state_dict(small.fe.state_dict())
    if large.fde is not None and small.fde is not None:
        large.fde.load_state_dict(small.fde.state_dict())
    for stage, adapter in zip(small.config.stages, small.adapters, strict=True):
        _copy_units(adapter, large.adapters[config.stages.index(stage)])
    if small.film is not None and large.film is not None:
        _copy_units(small.film.bottleneck, large.film.bottleneck)
        old = dict(_film_rows(small.config, small.film.to_scale_shift.weight))
        for key, rows in _film_rows(config, large.film.to_scale_shift.weight):
            if key in old:
                rows[:, : small.config.film_width] = old[key]
    return large


def _copy_units(small: nn.Module, large: nn.Module) -> None:
    """Copy the weights of *small*; its units get no input from those that only *large* has."""
    target = large.state_dict()
    for name, weight in small.state_dict().items():
        if weight.ndim > 1:
            target[name][: len(weight), weight.shape[1] :] = 0
            target[name][: len(weight), : weight.shape[1]] = weight
        else:
            target[name][: len(weight)] = weight


def _film_rows(config: AFDConfig, weight: Tensor) -> list[tuple[tuple[str, int], Tensor]]:
    """Rows of FiLM's last layer by normalisation layer, for scales (0) and shifts (1)."""
    keys = [(layer.where, kind) for kind in (0, 1) for layer in config.norm_layers]
    widths = 2 * [layer.channels for layer in config.norm_layers]
    return list(zip(keys, torch.split(weight, widths), strict=True))

"""The units of a new module: how large the classifier's features are where it corrects them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from afdcli.backbones.site import Site
from afdcli.core.module import AFDModule
from afdcli.core.stage import StageRepair
from afdcli.train.data import Batch


@torch.no_grad()
def measure_units(site: Site, module: AFDModule, batches: Sequence[Batch]) -> None:
    """Measure the units of each of *module*'s stages on the clean pictures of *batches*.

    See `afdcli.core.units`. Nothing is done where the configuration has none.
    """
    if not module.config.units or not module.config.stages:
        return
    seen: dict[str, list[Tensor]] = {name: [] for name in module.config.stage_names}

    def look(name: str, x: Tensor) -> Tensor:
        if name in seen:
            values = x.float().transpose(0, 1).flatten(1)
            seen[name].append(torch.stack((values.mean(1), values.square().mean(1))))
        return x

    for batch in batches:
        site(batch.clean, change=look)
    for repair, moments in zip(module.stages, seen.values(), strict=True):
        assert isinstance(repair, StageRepair) and repair.units is not None
        mean, square = torch.stack(moments).mean(0)
        repair.units.measured(mean, (square - mean.square()).clamp_min(0).sqrt())

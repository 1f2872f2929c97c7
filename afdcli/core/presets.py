"""Named configurations, from the paper's module to one for the lightest classifiers.

Cost and recovered share of each: examples/benchmarks/RESULTS.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from afdcli.constants import GRID_CHANNELS
from afdcli.core.config import STAGE_STRIDE, AFDConfig, NormLayer, Stage
from afdcli.errors import ModuleError

PAPER = "paper"

#: Preset -> its configuration; `channels`, `stages` and `norm_layers` depend on the classifier.
PRESETS: dict[str, AFDConfig] = {
    PAPER: AFDConfig(channels=0),
    "large": AFDConfig(channels=0, adapter_width=32, film_width=32),
    "small": AFDConfig(channels=0, stride=2, hidden=(64, 32), adapter_width=32, film_width=32),
    "nano": AFDConfig(
        channels=0, width=8, stride=2, hidden=(32, 32), adapter_width=16, film_width=16
    ),
    "pico": AFDConfig(
        channels=0,
        width=8,
        stride=4,
        hidden=(32, 32),
        adapter_width=16,
        film_width=16,
        grid_channels=GRID_CHANNELS // 2,
    ),
}


@dataclass(frozen=True)
class Placement:
    """Where in a classifier a preset works. The defaults are those of `small` and `nano`.

    Attributes:
        behind_pooling: the plug point is behind the stem's pooling, where the stem has one; it is
            in front of it otherwise.
        at_stage_ends: adapters sit at the end of a stage; otherwise behind its first block.
        first_stride: view pixels per feature at the first stage that gets an adapter.
        film_share: share, 0 to 1, of all normalised features behind the stem that FiLM may scale
            and shift.
    """

    behind_pooling: bool = True
    at_stage_ends: bool = True
    first_stride: int = STAGE_STRIDE
    film_share: float = 0.25


_PLACEMENTS: dict[str, Placement] = {
    PAPER: Placement(behind_pooling=False),
    "large": Placement(behind_pooling=False),
    "pico": Placement(at_stage_ends=False, first_stride=2 * STAGE_STRIDE, film_share=0.05),
}


def placement_of(name: str) -> Placement:
    """Where in a classifier the preset *name* works."""
    return _PLACEMENTS.get(name, Placement())


def preset(
    name: str,
    channels: int,
    stages: tuple[Stage, ...] = (),
    norm_layers: tuple[NormLayer, ...] = (),
    /,
    **changes: object,
) -> AFDConfig:
    """The preset *name* for a plug point of *channels* features, with *changes* to its fields.

    Args:
        stages: the classifier's, behind the plug point; dropped if the preset has no adapters.
        norm_layers: the classifier's; dropped if the preset has no FiLM, or no FDE-Net, which
            FiLM needs.

    Raises:
        ModuleError: there is no preset of that name.
    """
    if name not in PRESETS:
        raise ModuleError(f"no preset {name!r}; choose one of {', '.join(PRESETS)}")
    config = replace(PRESETS[name], channels=channels, **changes)  # type: ignore[arg-type]
    return replace(
        config,
        stages=stages if config.adapter_width else (),
        norm_layers=norm_layers if config.film_width and config.gate != "none" else (),
    )

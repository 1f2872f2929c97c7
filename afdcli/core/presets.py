"""Named configurations, from the paper's module to one for the lightest classifiers.

What is known of their cost and recovered share: examples/benchmarks/RESULTS.md and TRIALS.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from afdcli.constants import GRID_CHANNELS
from afdcli.core.config import STAGE_STRIDE, AFDConfig, NormLayer, Stage
from afdcli.errors import ModuleError

PAPER, LIGHT, BEST = "paper", "light", "best"

_LIGHT = AFDConfig(
    channels=0,
    width=8,
    hidden=(32, 32),
    adapter_width=16,
    film_width=16,
    grid_channels=GRID_CHANNELS // 2,
)

#: Preset -> its configuration; `channels`, `stages` and `norm_layers` depend on the classifier.
#: `best` can begin with the weights of `light`, see `afdcli.core.growth`.
PRESETS: dict[str, AFDConfig] = {
    LIGHT: _LIGHT,
    BEST: replace(_LIGHT, adapter_width=24, film_width=32),
    PAPER: AFDConfig(channels=0),
}


@dataclass(frozen=True)
class Placement:
    """Where in a classifier a preset works.

    Attributes:
        quarter: the plug point is the first place at a quarter of the picture's resolution;
            otherwise behind the stem's first activation.
        first_stride, last_stride: view pixels per feature at the first and the last blocks that
            can have an adapter.
        blocks_per_adapter: one adapter behind the first of so many blocks of one resolution.
        film_share: share, 0 to 1, of all normalised features behind the stem that FiLM may scale
            and shift.
    """

    quarter: bool = False
    first_stride: int = STAGE_STRIDE
    last_stride: int = 4 * STAGE_STRIDE
    blocks_per_adapter: int = 2
    film_share: float = 0.5


_PLACEMENTS: dict[str, Placement] = {
    LIGHT: Placement(quarter=True, first_stride=2 * STAGE_STRIDE, film_share=0.4),
    BEST: Placement(quarter=True, blocks_per_adapter=1, film_share=1.0),
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

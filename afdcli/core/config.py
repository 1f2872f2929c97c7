"""The hyper-parameters of an AFD module, and the presets that users name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

from afdcli.constants import GRID_CHANNELS, SIDE_CHANNELS
from afdcli.errors import ModuleError

Gate = Literal["spatial", "channel", "none"]
Activation = Literal["relu", "relu6", "none"]


@dataclass(frozen=True)
class Stage:
    """A place behind the stem where features are corrected once more, see `StageAdapter`.

    Attributes:
        where: name of the classifier's module whose output is corrected.
        channels: of that output, (B, channels, H, W).
        stride: view pixels per feature.
        activation: what the features went through last.
    """

    where: str
    channels: int
    stride: int
    activation: Activation


@dataclass(frozen=True)
class Place:
    """A normalisation behind the stem whose output is scaled and shifted, see `FiLM`.

    Attributes:
        where: name of the classifier's module.
        channels: of its output, (B, channels, H, W).
    """

    where: str
    channels: int


#: View pixels per feature at the first stage behind the stem of most classifiers.
STAGE_STRIDE = 4


@dataclass(frozen=True)
class AFDConfig:
    """Everything needed to rebuild a module; travels in the metadata of its weights file.

    Attributes:
        channels: C, of the features at the plug point (3 for the `input` plug).
        plug_stride: view pixels per feature there.
        width: c, base width of FE-Net's U-Net.
        stride: 1: FE-Net works at the resolution of the features; 2 or 4: at that part of it.
        hidden: widths of FDE-Net's two hidden layers.
        gate: "spatial" FDM per block (the paper); "channel": one per image (the authors' released
            code); "none": no FDM (ablation).
        stage_width: width of the corrections at the ends of the classifier's stages, for a stage of
            `STAGE_STRIDE`; proportional to the stride for others; 0: none, as in the paper.
        stages: where these are.
        rank: FiLM bottleneck width, see `afdcli.core.film`; 0: no FiLM, as in the paper.
        places: where these are.
        guide: FE-Net also sees FDE-Net's features, at the bottom of its U; not in the paper.
        block: "repconv", or "conv" for plain 3x3 convolutions (ablation).
        activation: what the plug point's features went through: "relu", "relu6" or "none".
        unshuffle: side of the pixel squares folded into channels; 2 for the `input` plug.
        coefficients: "file" or "view", see `afdcli.view.spec.ViewSpec`.
        grid_channels: how many of the grid's channels FDE-Net reads, the last ones: all, or 192
            for the root mean squares alone; see `afdcli.view.spec.View`.
        side_channels: of FDE-Net's other input, see there, too.
        fused: True once RepConv branches were folded into plain convolutions.
    """

    channels: int
    plug_stride: int = 2
    width: int = 16
    stride: int = 1
    hidden: tuple[int, int] = (128, 64)
    gate: Gate = "spatial"
    stage_width: int = 0
    stages: tuple[Stage, ...] = ()
    rank: int = 0
    places: tuple[Place, ...] = ()
    guide: bool = False
    block: Literal["repconv", "conv"] = "repconv"
    activation: Activation = "relu"
    unshuffle: int = 1
    coefficients: Literal["file", "view"] = "file"
    grid_channels: int = GRID_CHANNELS
    side_channels: int = SIDE_CHANNELS
    fused: bool = False

    @property
    def stage_names(self) -> list[str]:
        """Modules of the classifier whose outputs are corrected behind the plug point."""
        return [stage.where for stage in self.stages]

    @property
    def changed(self) -> list[str]:
        """Modules of the classifier whose outputs are changed behind the plug point."""
        return self.stage_names + self.place_names

    @property
    def touched(self) -> list[str]:
        """Modules behind the plug point by whose outputs a classifier's weights are told apart.

        The last of the places depends on nearly all of them.
        """
        return self.stage_names + self.place_names[-1:]

    @property
    def place_names(self) -> list[str]:
        """Modules of the classifier whose outputs are scaled and shifted."""
        return [place.where for place in self.places]

    def width_at(self, stage: Stage) -> int:
        """Channels inside of the correction at *stage*."""
        return max(self.stage_width, self.stage_width * stage.stride // STAGE_STRIDE)

    def to_json(self) -> str:
        """One line of JSON; undone by `afdcli.core.config_json.read_config`."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class Reach:
    """Where in a classifier a preset works. Defaults are those of `small` and `nano`.

    Attributes:
        pooled: behind the stem's pooling, where the classifier has one.
        ends: stages are corrected at their ends; else behind their first blocks. OpenVINO leaves
            out what a 1x1 convolution with a stride will skip, unless it is corrected before:
            that saves a tenth of a ResNet whose stages begin with such ones.
        stages_from: view pixels per feature of the first stage that is corrected.
        apply_film: share of the features behind the stem that may be scaled and shifted, see
            `afdcli.models.plug_points.find_places`.
    """

    pooled: bool = True
    ends: bool = True
    stages_from: int = STAGE_STRIDE
    apply_film: float = 0.25


PAPER = "paper"
_REACHES: dict[str, Reach] = {
    PAPER: Reach(pooled=False),
    "large": Reach(pooled=False),
    "pico": Reach(ends=False, stages_from=2 * STAGE_STRIDE, apply_film=0.05),
}
#: Sizes of the module. Cost and recovered share of each: RESULTS.md.
PRESETS: dict[str, AFDConfig] = {
    PAPER: AFDConfig(channels=0),
    "large": AFDConfig(channels=0, stage_width=32, rank=32),
    "small": AFDConfig(channels=0, width=16, stride=2, hidden=(64, 32), stage_width=32, rank=32),
    "nano": AFDConfig(channels=0, width=8, stride=2, hidden=(32, 32), stage_width=16, rank=16),
    "pico": AFDConfig(
        channels=0,
        width=8,
        stride=4,
        hidden=(32, 32),
        stage_width=16,
        rank=16,
        grid_channels=GRID_CHANNELS // 2,
    ),
}


def reach_of(name: str) -> Reach:
    """Where the preset *name* works."""
    return _REACHES.get(name, Reach())


def preset(
    name: str,
    channels: int,
    stages: tuple[Stage, ...] = (),
    places: tuple[Place, ...] = (),
    /,
    **changes: object,
) -> AFDConfig:
    """The preset *name* for a plug point of *channels*, with *changes*. Raises ModuleError.

    Args:
        stages: of the classifier behind the plug point; taken by presets that correct there, too.
        places: its normalisations, likewise.
    """
    if name not in PRESETS:
        raise ModuleError(f"no preset {name!r}; choose one of {', '.join(PRESETS)}")
    config = replace(PRESETS[name], channels=channels, **changes)  # type: ignore[arg-type]
    return replace(
        config,
        stages=stages if config.stage_width else (),
        # Without FDE-Net nothing would tell them how to be set.
        places=places if config.rank and config.gate != "none" else (),
    )

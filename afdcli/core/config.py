"""The hyper-parameters of an AFD module. Named sets of them: `afdcli.core.presets`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from afdcli.constants import CONTEXT_CHANNELS, GRID_CHANNELS

Gate = Literal["spatial", "channel", "none"]
Activation = Literal["relu", "relu6", "none"]

#: View pixels per feature at the first stage behind the stem of most classifiers.
STAGE_STRIDE = 4


@dataclass(frozen=True)
class Stage:
    """A stage of the classifier whose output an adapter corrects, see `afdcli.core.adapter`.

    Attributes:
        where: name of the classifier's module whose output is corrected.
        channels: of that output, (B, channels, H, W).
        stride: view pixels per feature.
        activation: the last one that the output went through.
    """

    where: str
    channels: int
    stride: int
    activation: Activation


@dataclass(frozen=True)
class NormLayer:
    """A normalisation layer of the classifier whose output FiLM scales and shifts.

    See `afdcli.core.film`.

    Attributes:
        where: name of the classifier's module.
        channels: of its output, (B, channels, H, W).
    """

    where: str
    channels: int


@dataclass(frozen=True)
class AFDConfig:
    """All hyper-parameters of a module; they travel in the metadata of its weights file.

    Attributes:
        channels: C, number of feature channels at the plug point (3 for the `input` plug).
        plug_stride: view pixels per feature at the plug point.
        width: c, base width of FE-Net's U-Net; 16 in the paper.
        stride: of FE-Net's first layer: 1 works at the resolution of the features, as in the
            paper; 2 and 4 at a half and a quarter of it.
        hidden: widths of FDE-Net's two hidden layers; (128, 64) in the paper.
        gate: "spatial": an FDM per block (the paper); "channel": one per image (the authors'
            released code); "none": no FDM (an ablation).
        adapter_width: bottleneck width of the stage adapters at a stage of `STAGE_STRIDE`,
            proportional to the stride at others; 0: no adapters, as in the paper.
        stages: the stages with an adapter.
        film_width: FiLM bottleneck width; 0: no FiLM, as in the paper.
        norm_layers: the normalisation layers that FiLM scales and shifts.
        guide: FE-Net also sees FDE-Net's features, at the bottom of its U; not in the paper.
        block: "repconv", or "conv" for plain 3x3 convolutions (an ablation).
        activation: the last one before the plug point.
        unshuffle: side of the pixel squares that are folded into channels (space-to-depth); 2 for
            the `input` plug.
        coefficients: "file" or "view", see `afdcli.view.spec.ViewSpec`.
        grid_channels: how many of the grid's channels FDE-Net reads, from the last one backwards:
            384, all of them, or 192, the root mean squares; see `afdcli.view.spec.View`.
        context_channels: length of the vector about the file, see `afdcli.view.spec.View`.
        fused: True once the RepConv branches are folded into plain convolutions.
    """

    channels: int
    plug_stride: int = 2
    width: int = 16
    stride: int = 1
    hidden: tuple[int, int] = (128, 64)
    gate: Gate = "spatial"
    adapter_width: int = 0
    stages: tuple[Stage, ...] = ()
    film_width: int = 0
    norm_layers: tuple[NormLayer, ...] = ()
    guide: bool = False
    block: Literal["repconv", "conv"] = "repconv"
    activation: Activation = "relu"
    unshuffle: int = 1
    coefficients: Literal["file", "view"] = "file"
    grid_channels: int = GRID_CHANNELS
    context_channels: int = CONTEXT_CHANNELS
    fused: bool = False

    @property
    def stage_names(self) -> list[str]:
        """Names of the classifier's modules whose outputs an adapter corrects."""
        return [stage.where for stage in self.stages]

    @property
    def norm_layer_names(self) -> list[str]:
        """Names of the classifier's modules whose outputs FiLM scales and shifts."""
        return [layer.where for layer in self.norm_layers]

    @property
    def corrected_names(self) -> list[str]:
        """Names of all modules behind the plug point whose outputs the AFD module changes."""
        return self.stage_names + self.norm_layer_names

    @property
    def signature_names(self) -> list[str]:
        """Names of the modules behind the plug point whose outputs identify the classifier.

        The stages, and the last of the normalisation layers: its output depends on the weights of
        nearly all others.
        """
        return self.stage_names + self.norm_layer_names[-1:]

    def adapter_width_at(self, stage: Stage) -> int:
        """Bottleneck width of the adapter at *stage*."""
        return max(self.adapter_width, self.adapter_width * stage.stride // STAGE_STRIDE)

    def to_json(self) -> str:
        """One line of JSON; `afdcli.core.config_json.read_config` reads it."""
        return json.dumps(asdict(self), sort_keys=True)

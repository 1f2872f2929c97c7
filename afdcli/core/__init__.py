"""The AFD module alone, in pure torch: no files but its own weights, no timm, no CLI."""

from afdcli.core.angles import dct_angle, feature_angle
from afdcli.core.config import PRESETS, AFDConfig, preset
from afdcli.core.fde import FDENet
from afdcli.core.fe import FENet
from afdcli.core.module import AFDModule
from afdcli.core.repconv import RepConv

__all__ = [
    "PRESETS",
    "AFDConfig",
    "AFDModule",
    "FDENet",
    "FENet",
    "RepConv",
    "dct_angle",
    "feature_angle",
    "preset",
]

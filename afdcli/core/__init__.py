"""The AFD module in pure torch, as in the paper's appendix; `weights_file` alone touches files.

To read it in one sitting: `module` (the equation of the output), `fde` (FDE-Net and the FDM), `fe`
(FE-Net), `repconv`; then what the paper does not have: `adapter`, `film`. `config` and `presets`
hold the hyper-parameters, `angles` the measure of drift, `cost` what a module costs.
"""

from afdcli.core.angles import dct_angle, feature_angle
from afdcli.core.config import AFDConfig
from afdcli.core.fde import FDENet
from afdcli.core.fe import FENet
from afdcli.core.module import AFDModule
from afdcli.core.presets import PRESETS, preset
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

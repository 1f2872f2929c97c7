"""The classifier that ships with afd: a 12-layer residual network for Caltech-101.

It is an ordinary timm model (a `ByobNet` configuration), registered as ``afd_resnet12``, so that
everything which works on a timm backbone works on it. Trained from scratch by
``examples/train_default_classifier.py``; 2.4 M parameters, 0.2 GMAC at 224x224.
"""

from __future__ import annotations

from typing import Any

from timm.models import register_model
from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg

NAME = "afd_resnet12"

_WIDTHS = (40, 80, 160, 320)
_DEPTHS = (1, 1, 2, 1)


def _config() -> ByoModelCfg:
    blocks = tuple(
        ByoBlockCfg(type="basic", d=depth, c=width, s=1 if i == 0 else 2, gs=0, br=1.0)
        for i, (width, depth) in enumerate(zip(_WIDTHS, _DEPTHS, strict=True))
    )
    return ByoModelCfg(blocks=blocks, stem_chs=32, stem_type="3x3", stem_pool="maxpool")


@register_model
def afd_resnet12(pretrained: bool = False, **kwargs: Any) -> ByobNet:
    """Build the network; weights come from `afdcli.backbones.loader`, never from a hub."""
    defaults: dict[str, Any] = {
        "input_size": (3, 224, 224),
        "pool_size": (7, 7),
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "interpolation": "bicubic",
        "crop_pct": 0.875,
        "crop_mode": "center",
        "num_classes": 101,
        "first_conv": "stem.conv1.conv",
        "classifier": "head.fc",
        "license": "apache-2.0",
    }
    cfg = kwargs.pop("pretrained_cfg", None) or defaults
    kwargs.pop("pretrained_cfg_overlay", None)
    kwargs.pop("cache_dir", None)
    kwargs.setdefault("num_classes", 101)
    net = ByobNet(_config(), **kwargs)
    # nn.Module types its attributes as tensors and modules; timm keeps its config there, too.
    setattr(net, "pretrained_cfg", dict(cfg))  # noqa: B010
    setattr(net, "default_cfg", dict(cfg))  # noqa: B010
    return net

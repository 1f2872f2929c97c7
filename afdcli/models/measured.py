"""Measured accuracy of the shipped AFD modules: what a user can expect of them.

The numbers are those of the tables "The default classifier" and "The input module" in
``examples/benchmarks/RESULTS.md``, and stand only here in the package. A test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from afdcli.models.shipped import folder

#: How all of these were measured.
PROTOCOL = (
    "800 ImageNet validation photos, cropped to 224x224, then compressed once"
    " (examples/benchmarks/RESULTS.md)"
)

Pair = tuple[float, float]  # top-1 in % without and with AFD


@dataclass(frozen=True)
class Measured:
    """Top-1 of one classifier with one shipped module, in %, without and with AFD.

    Attributes:
        classifier: as RESULTS.md names it.
        clean: for uncompressed photos.
        by_quality: JPEG quality factor -> for photos compressed at it.
    """

    classifier: str
    clean: Pair
    by_quality: dict[int, Pair]


#: Module file -> the classifiers that it was measured with.
MEASURED = {
    "tf_efficientnet_lite0.stem.safetensors": (
        Measured(
            "EfficientNet-Lite0",
            (73.8, 74.0),
            {
                25: (61.0, 70.2),
                18: (58.9, 69.1),
                15: (56.4, 66.6),
                10: (49.0, 64.0),
                7: (38.8, 57.9),
            },
        ),
    ),
    "any.input.safetensors": (
        Measured(
            "ResNet-50 v1",
            (71.0, 71.4),
            {
                25: (58.1, 59.9),
                18: (55.4, 56.4),
                15: (51.2, 52.8),
                10: (41.2, 46.1),
                7: (30.5, 39.6),
            },
        ),
        Measured(
            "MobileNetV2",
            (70.5, 70.4),
            {
                25: (53.4, 58.8),
                18: (47.4, 55.4),
                15: (43.4, 53.4),
                10: (30.9, 46.8),
                7: (17.5, 37.6),
            },
        ),
    ),
}


def measured(module: Path) -> tuple[Measured, ...]:
    """What was measured of the module file *module*; empty if it does not ship with afd."""
    return MEASURED.get(module.name, ()) if module.parent == folder() else ()

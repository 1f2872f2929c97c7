"""Options that several commands share, declared once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

MOST_SECONDS = 10_000_000.0  # four months; much more is no time that systems can wait for
MOST_WORKERS = 1024


def a_number(value: float | None) -> float | None:
    """Refuse NaN, which is within every range."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


BackboneOption = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help="The classifier: any timm name, e.g. resnet50. Default: the one that ships with afd.",
    ),
]
AfdOption = Annotated[
    str,
    typer.Option(
        "--afd",
        metavar="auto|off|FILE",
        help="The AFD module: the best that ships, none, or a file.",
    ),
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="Weights of the backbone instead of timm's own."
    ),
]
ImportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="FILE.py|MODULE",
        help="Python that registers models of your own with timm; repeatable.",
    ),
]
ClassNamesOption = Annotated[
    Path | None,
    typer.Option("--class-names", metavar="FILE", help="One class name per line, or JSON."),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda or mps.", metavar="DEVICE")
]
ExcludeOption = Annotated[
    list[Path] | None,
    typer.Option("--exclude", metavar="DIR", help="Folder to leave out; repeatable."),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace what an earlier run wrote to --out.")
]
SuffixesOption = Annotated[
    str | None,
    typer.Option(
        "--suffixes",
        metavar="S[,S...]",
        help="In folders, archives and stores take files by these suffixes alone, as in jpg,png."
        " Default: image suffixes, and whatever begins as an image does.",
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=0.1,
        max=MOST_SECONDS,
        callback=a_number,
        help="Limit for reading one image.",
    ),
]
IccOption = Annotated[
    bool,
    typer.Option("--icc/--no-icc", help="Convert colours to sRGB by the photo's ICC profile."),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Random seed.")]

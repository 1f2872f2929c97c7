"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

MOST_SECONDS = 10_000_000.0  # four months; system timers overflow with much more
MOST_WORKERS = 1024
PATHS_HELP = (
    "Images, folders (searched recursively), archives (.tar, .tar.gz, .zip, …), .parquet files with"
    " a column of image bytes, URLs (s3://, gs://, https://), or - to read a list of paths from"
    " standard input, one per line."
)


def a_number(value: float | None) -> float | None:
    """Refuse NaN, which passes every range check."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


BackboneOption = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help="Classifier: any timm name, e.g. resnet50. Default: EfficientNet-Lite0.",
    ),
]
AfdOption = Annotated[
    str,
    typer.Option(
        "--afd",
        metavar="auto|off|FILE",
        help="AFD module: auto picks the best one that ships with afd; off uses none.",
    ),
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Weights file for the backbone, instead of timm's weights.",
    ),
]
ImportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="FILE.py|MODULE",
        help="Python code that registers your own models with timm; repeatable.",
    ),
]
ClassNamesOption = Annotated[
    Path | None,
    typer.Option("--class-names", metavar="FILE", help="Class names: one per line, or JSON."),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda or mps.", metavar="DEVICE")
]
ExcludeOption = Annotated[
    list[Path] | None,
    typer.Option("--exclude", metavar="DIR", help="Folder to skip; repeatable."),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing results at --out.")
]
SuffixesOption = Annotated[
    str | None,
    typer.Option(
        "--suffixes",
        metavar="S[,S...]",
        help="Select files in folders, archives and stores by these suffixes only, e.g. jpg,png."
        " Default: files with an image suffix or whose first bytes are those of an image.",
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
        help="Time limit per image.",
    ),
]
IccOption = Annotated[
    bool,
    typer.Option("--icc/--no-icc", help="Convert colours to sRGB with the photo's ICC profile."),
]
SeedOption = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, max=2**32 - 1, help="Random seed.")
]

"""Options that several commands share, and how an option is declared.

A name means the same in all commands. Metavars have one style: words to type are in lower case
(``auto|off``) and completed by the shell, what they stand for is in capitals (``FILE``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from afdcli.cli.completion import backbones
from afdcli.cli.help import AFD, CLASSIFIER, GENERAL, INPUT, LIMITS, OUTPUT, SPEED

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


def option(
    *names: str,
    panel: str,
    help: str,
    metavar: str | None = None,
    least: float | None = None,
    most: float | None = None,
    complete: Callable[[str], list[str]] | None = None,
) -> Any:
    """Declare an option, for `Annotated`.

    Args:
        names: as typed. Of several long names the first is shown; the others are old ones.
        panel: heading under which ``--help`` shows it, from `afdcli.cli.help`.
        help: sentences; the default is added to them.
        metavar: what it takes, e.g. ``auto|off|FILE``; None for flags.
        least, most: range of a number.
        complete: values that begin with what is typed, for the shell; default: the words in
            lower case of *metavar*.
    """
    words = re.findall(r"(?<![^|,\[])[a-z0-9:]+(?![^|,\]])", metavar or "")

    def literals(typed: str) -> list[str]:
        return [word for word in words if word.startswith(typed)]

    return typer.Option(
        *names,
        rich_help_panel=panel,
        help=help,
        metavar=metavar,
        min=least,
        max=most,
        callback=a_number if isinstance(least, float) else None,
        autocompletion=complete or (literals if words else None),
    )


BackboneOption = Annotated[
    str | None,
    option(
        "--backbone",
        metavar="NAME",
        panel=CLASSIFIER,
        help="Any timm name, e.g. resnet50. Default: EfficientNet-Lite0.",
        complete=backbones,
    ),
]
AfdOption = Annotated[
    str,
    option(
        "--afd",
        metavar="auto|off|FILE",
        panel=AFD,
        help="AFD module. auto picks the best one that ships with afd; off uses none.",
    ),
]
CheckpointOption = Annotated[
    Path | None,
    option(
        "--checkpoint",
        metavar="FILE",
        panel=CLASSIFIER,
        help="Weights file for the backbone, instead of timm's weights.",
    ),
]
ImportOption = Annotated[
    list[str] | None,
    option(
        "--import",
        metavar="FILE.py|MODULE",
        panel=CLASSIFIER,
        help="Python code that registers your own models with timm; repeatable.",
    ),
]
ClassNamesOption = Annotated[
    Path | None,
    option(
        "--class-names",
        metavar="FILE",
        panel=CLASSIFIER,
        help="Class names: one per line, or JSON.",
    ),
]
DeviceOption = Annotated[
    str,
    option(
        "--device",
        metavar="auto|cpu|cuda|mps",
        panel=SPEED,
        help="Where the classifier runs.",
    ),
]
ExcludeOption = Annotated[
    list[Path] | None,
    option("--exclude", metavar="DIR", panel=INPUT, help="Folder to skip; repeatable."),
]
JsonOption = Annotated[
    bool,
    option(
        "--json",
        panel=OUTPUT,
        help="Print the summary as one JSON object, and nothing else, on standard output.",
    ),
]
OverwriteOption = Annotated[
    bool, option("--overwrite", panel=OUTPUT, help="Replace existing results at --out.")
]
SuffixesOption = Annotated[
    str | None,
    option(
        "--suffixes",
        metavar="S[,S...]",
        panel=INPUT,
        help="Select files in folders, archives and stores by these suffixes only, e.g. jpg,png."
        " Default: files with an image suffix or whose first bytes are those of an image.",
    ),
]
TimeoutOption = Annotated[
    float,
    option(
        "--timeout",
        metavar="SECONDS",
        panel=LIMITS,
        least=0.1,
        most=MOST_SECONDS,
        help="Time to read one image; it fails after that.",
    ),
]
IccOption = Annotated[
    bool,
    option(
        "--icc/--no-icc",
        panel=INPUT,
        help="Convert colours to sRGB with the photo's ICC profile. Default: --icc.",
    ),
]
SeedOption = Annotated[
    int, option("--seed", metavar="N", panel=GENERAL, least=0, most=2**32 - 1, help="Random seed.")
]

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
    declaration: str,
    panel: str,
    help: str,
    within: tuple[float, float] | None = None,
    complete: Callable[[str], list[str]] | None = None,
) -> Any:
    """Declare an option, for `Annotated`.

    Args:
        declaration: as typed: ``-o,--out FILE``. Of several long names the first is shown; the
            others are old ones. Words in lower case (``auto|off|FILE``) are completed by the shell.
        panel: heading under which ``--help`` shows it, from `afdcli.cli.help`.
        help: sentences; the default is added to them.
        within: smallest and largest number allowed.
        complete: values that begin with what is typed, for the shell.
    """
    names, _, metavar = declaration.partition(" ")
    least, most = within or (None, None)
    words = re.findall(r"(?<![^|,\[])[a-z0-9:]+(?![^|,\]])", metavar)

    def literals(typed: str) -> list[str]:
        return [word for word in words if word.startswith(typed)]

    return typer.Option(
        *names.split(","),
        rich_help_panel=panel,
        help=help,
        metavar=metavar or None,
        min=least,
        max=most,
        callback=a_number if isinstance(least, float) else None,
        autocompletion=complete or (literals if words else None),
    )


def argument(metavar: str, help: str, complete: Callable[..., list[str]] | None = None) -> Any:
    """Declare an argument, for `Annotated`; see `option`."""
    return typer.Argument(
        metavar=metavar, help=help, autocompletion=complete, rich_help_panel=INPUT
    )


Paths = Annotated[list[str], argument("PATH", PATHS_HELP)]
Backbone = Annotated[
    str | None,
    option(
        "--backbone NAME",
        CLASSIFIER,
        "Any timm name, e.g. resnet50. Default: EfficientNet-Lite0.",
        complete=backbones,
    ),
]
Afd = Annotated[
    str,
    option(
        "--afd auto|off|FILE",
        AFD,
        "AFD module. auto picks the best one that ships with afd; off uses none.",
    ),
]
Checkpoint = Annotated[
    Path | None,
    option(
        "--checkpoint FILE", CLASSIFIER, "Weights file for the backbone, instead of timm's weights."
    ),
]
Import = Annotated[
    list[str] | None,
    option(
        "--import FILE.py|MODULE",
        CLASSIFIER,
        "Python code that registers your own models with timm; repeatable.",
    ),
]
ClassNames = Annotated[
    Path | None, option("--class-names FILE", CLASSIFIER, "Class names: one per line, or JSON.")
]
Device = Annotated[str, option("--device auto|cpu|cuda|mps", SPEED, "Where the classifier runs.")]
Exclude = Annotated[
    list[Path] | None, option("--exclude DIR", INPUT, "Folder to skip; repeatable.")
]
Json = Annotated[
    bool,
    option(
        "--json",
        OUTPUT,
        "Print the summary as one JSON object, and nothing else, on standard output.",
    ),
]
Overwrite = Annotated[bool, option("--overwrite", OUTPUT, "Replace existing results at --out.")]
Suffixes = Annotated[
    str | None,
    option(
        "--suffixes S[,S...]",
        INPUT,
        "Select files in folders, archives and stores by these suffixes only, e.g. jpg,png."
        " Default: files with an image suffix or whose first bytes are those of an image.",
    ),
]
Timeout = Annotated[
    float,
    option(
        "--timeout SECONDS",
        LIMITS,
        "Time to read one image; it fails after that.",
        (0.1, MOST_SECONDS),
    ),
]
Icc = Annotated[
    bool,
    option(
        "--icc/--no-icc",
        INPUT,
        "Convert colours to sRGB with the photo's ICC profile. Default: --icc.",
    ),
]
Seed = Annotated[int, option("--seed N", GENERAL, "Random seed.", (0, 2**32 - 1))]
MinProb = Annotated[
    float | None,
    option(
        "--min-prob P",
        OUTPUT,
        "Add a column unsure: the best class is less probable than P, 0 to 1.",
        (0.0, 1.0),
    ),
]
Embeddings = Annotated[
    Path | None,
    option(
        "--embeddings FILE.npy|FILE.parquet",
        OUTPUT,
        "Also write the pooled features with AFD: one row per result row, NaN if it failed.",
    ),
]
EmbeddingsDtype = Annotated[
    str, option("--embeddings-dtype float32|float16", OUTPUT, "Type of the embeddings.")
]
ExportFailed = Annotated[
    Path | None,
    option(
        "--export-failed FILE",
        OUTPUT,
        "Also write a list of the failed files; afd classify - < FILE tries them again.",
    ),
]
Debug = Annotated[bool, option("--debug", GENERAL, "Show the full traceback of an error.")]
Quiet = Annotated[bool, option("-q,--quiet", GENERAL, "Print nothing but errors.")]

"""Options that several commands share.

A name means the same in all commands. Metavars have one style: words to type are in lower case
(``auto|off``) and completed by the shell, what they stand for is in capitals (``FILE``).
"""

from __future__ import annotations

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


def argument(metavar: str, help: str, complete: Callable[..., list[str]] | None = None) -> Any:
    """Declare an argument, for `Annotated`; see `Heading.option`."""
    return typer.Argument(
        metavar=metavar, help=help, autocompletion=complete, rich_help_panel=INPUT
    )


Paths = Annotated[list[str], argument("PATH", PATHS_HELP)]
Backbone = Annotated[
    str | None,
    CLASSIFIER.option(
        "--backbone NAME",
        "Any timm name, e.g. resnet50. Default: EfficientNet-Lite0.",
        complete=backbones,
    ),
]
Afd = Annotated[
    str,
    AFD.option(
        "--afd auto|off|FILE",
        "AFD module. auto picks the best one that ships with afd; off uses none.",
    ),
]
Checkpoint = Annotated[
    Path | None,
    CLASSIFIER.option(
        "--checkpoint FILE", "Weights file for the backbone, instead of timm's weights."
    ),
]
Import = Annotated[
    list[str] | None,
    CLASSIFIER.option(
        "--import FILE.py|MODULE",
        "Python code that registers your own models with timm; repeatable.",
    ),
]
ClassNames = Annotated[
    Path | None, CLASSIFIER.option("--class-names FILE", "Class names: one per line, or JSON.")
]
Device = Annotated[str, SPEED.option("--device auto|cpu|cuda|mps", "Where the classifier runs.")]
Exclude = Annotated[list[Path] | None, INPUT.option("--exclude DIR", "Folder to skip; repeatable.")]
Json = Annotated[
    bool,
    OUTPUT.option(
        "--json", "Print the summary as one JSON object, and nothing else, on standard output."
    ),
]
Overwrite = Annotated[bool, OUTPUT.option("--overwrite", "Replace existing results at --out.")]
Suffixes = Annotated[
    str | None,
    INPUT.option(
        "--suffixes S[,S...]",
        "Select files in folders, archives and stores by these suffixes only, e.g. jpg,png."
        " Default: files with an image suffix or whose first bytes are those of an image.",
    ),
]
Timeout = Annotated[
    float,
    LIMITS.option(
        "--timeout SECONDS", "Time to read one image; it fails after that.", (0.1, MOST_SECONDS)
    ),
]
Icc = Annotated[
    bool,
    INPUT.option(
        "--icc/--no-icc", "Convert colours to sRGB with the photo's ICC profile. Default: --icc."
    ),
]
Seed = Annotated[int, GENERAL.option("--seed N", "Random seed.", (0, 2**32 - 1))]
MinProb = Annotated[
    float | None,
    OUTPUT.option(
        "--min-prob P",
        "Add a column unsure: the best class is less probable than P, 0 to 1.",
        (0.0, 1.0),
    ),
]
Embeddings = Annotated[
    Path | None,
    OUTPUT.option(
        "--embeddings FILE.npy|FILE.parquet",
        "Also write the pooled features with AFD: one row per result row, NaN if it failed.",
    ),
]
EmbeddingsDtype = Annotated[
    str, OUTPUT.option("--embeddings-dtype float32|float16", "Type of the embeddings.")
]
ExportFailed = Annotated[
    Path | None,
    OUTPUT.option(
        "--export-failed FILE",
        "Also write a list of the failed files; afd classify - < FILE tries them again.",
    ),
]
Debug = Annotated[bool, GENERAL.option("--debug", "Show the full traceback of an error.")]
Quiet = Annotated[bool, GENERAL.option("-q,--quiet", "Print nothing but errors.")]

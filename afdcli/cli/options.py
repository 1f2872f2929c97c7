"""Options that several commands share.

A name means the same in all commands. Names, help and ranges are here; type and default
are in the commands' signatures: ``seed: Annotated[int, options.SEED] = 0``. Metavars have one
style: words to type are in lower case (``auto|off``), names of values in capitals (``FILE``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


PATHS = argument("PATH", PATHS_HELP)
BACKBONE = CLASSIFIER.option(
    "--backbone NAME",
    "Any timm name, e.g. resnet50. Default: EfficientNet-Lite0.",
    complete=backbones,
)
AFD_MODULE = AFD.option(
    "--afd auto|best|off|FILE",
    "AFD module. auto: the light one shipped for the classifier, else the general one. best:"
    " the most accurate one shipped; slower. off: none.",
)
CHECKPOINT = CLASSIFIER.option(
    "--checkpoint FILE", "Weights file for the backbone, instead of timm's weights."
)
IMPORT = CLASSIFIER.option(
    "--import FILE.py|MODULE", "Python code that registers your own models with timm; repeatable."
)
CLASS_NAMES = CLASSIFIER.option("--class-names FILE", "Class names: one per line, or JSON.")
DEVICE = SPEED.option("--device auto|cpu|cuda|mps", "Where the classifier runs.")
EXCLUDE = INPUT.option("--exclude DIR", "Folder to skip; repeatable.")
JSON = OUTPUT.option(
    "--json", "Print the summary as one JSON object, and nothing else, on standard output."
)
OVERWRITE = OUTPUT.option("--overwrite", "Replace existing results at --out.")
SUFFIXES = INPUT.option(
    "--suffixes S[,S...]",
    "Select files in folders, archives and stores by these suffixes only, e.g. jpg,png."
    " Default: files with an image suffix or whose first bytes are those of an image.",
)
TIMEOUT = LIMITS.option(
    "--timeout SECONDS", "Time to read one image; it fails after that.", (0.1, MOST_SECONDS)
)
ICC = INPUT.option(
    "--icc/--no-icc", "Convert colours to sRGB with the photo's ICC profile. Default: --icc."
)
SEED = GENERAL.option("--seed N", "Random seed.", (0, 2**32 - 1))
MIN_PROB = OUTPUT.option(
    "--min-prob P",
    "Add a column unsure: true if the best class has a probability below P (0 to 1).",
    (0.0, 1.0),
)
EMBEDDINGS = OUTPUT.option(
    "--embeddings FILE.npy|FILE.parquet",
    "Also write the pooled features with AFD: one row per result row, NaN for failed images.",
)
EMBEDDINGS_DTYPE = OUTPUT.option("--embeddings-dtype float32|float16", "Type of the embeddings.")
EXPORT_FAILED = OUTPUT.option(
    "--export-failed FILE",
    "Also write a list of the failed files; afd classify - < FILE tries them again.",
)
DEBUG = GENERAL.option("--debug", "Show the full traceback of an error.")
QUIET = GENERAL.option("-q,--quiet", "Print nothing but errors.")

"""Options of ``afd classify`` and ``afd report`` about using the answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.text import Text

from afdcli.cli.help import OUTPUT
from afdcli.cli.options import option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afdcli.results.retry import Retry

MinProbOption = Annotated[
    float | None,
    option(
        "--min-prob",
        metavar="P",
        panel=OUTPUT,
        least=0.0,
        most=1.0,
        help="Add a column unsure: the best class is less probable than P, 0 to 1.",
    ),
]
EmbeddingsOption = Annotated[
    Path | None,
    option(
        "--embeddings",
        metavar="FILE.npy|FILE.parquet",
        panel=OUTPUT,
        help="Also write the pooled features with AFD: one row per result row, NaN if it failed.",
    ),
]
EmbeddingsDtypeOption = Annotated[
    str,
    option(
        "--embeddings-dtype",
        metavar="float32|float16",
        panel=OUTPUT,
        help="Type of the embeddings.",
    ),
]
ExportFailedOption = Annotated[
    Path | None,
    option(
        "--export-failed",
        metavar="FILE",
        panel=OUTPUT,
        help="Also write a list of the failed files; afd classify - < FILE tries them again.",
    ),
]


def retry_lines(retry: Retry, file: Path) -> Iterator[Text]:
    """What to print about a list of failed files, written to *file*."""
    import shlex

    if retry.remark:
        yield Text(f"note: {retry.remark}")
    if retry.listed:
        files = f"{retry.listed:,} failed file{'s' * (retry.listed > 1)}"
        yield Text(f"retry: afd classify - < {shlex.quote(str(file))}  ({files})")
    else:
        yield Text(f"{file} is empty: there is no failed file to retry")

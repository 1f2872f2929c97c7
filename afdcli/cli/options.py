"""Options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    typer.Option("--class-names", metavar="FILE", help="One class name per line, or a JSON list."),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda or mps.", metavar="DEVICE")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Processes that read and decode; default: cores less one."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of everything random.")]

"""``afd fuse``: fold a trained module's RepConv branches into plain 3x3 convolutions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from afdcli.cli import console
from afdcli.errors import UsageError

if TYPE_CHECKING:
    from afdcli.core.fusing import Fused


@console.friendly
def fuse(
    module: Annotated[Path, typer.Argument(help="Module file written by `afd train`.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Default: beside MODULE, named *.fused.*"),
    ] = None,
    quiet: console.QuietOption = False,
    debug: console.DebugOption = False,
) -> None:
    """Fold RepConv branches into plain 3x3 convolutions, check that nothing changed, and save.

    `afd classify` does the same in memory when it loads a module; a fused file is what you ship.
    """
    from afdcli.core.fusing import fuse_file

    out = out or module.with_suffix(".fused.safetensors")
    if out.resolve() == module.resolve():
        raise UsageError("--out would overwrite the module; a fused one cannot be trained further")
    result = fuse_file(module, out)
    screen = console.out(quiet)
    screen.print(_table(result))
    screen.print(f"largest difference of the outputs {result.difference:.1e}; written: {out}")


def _table(result: Fused) -> Table:
    table = Table(title="per picture of 224x224, one thread setting, median of 7 runs")
    table.add_column("")
    for column in ("parameters", "MACs", "milliseconds"):
        table.add_column(column, justify="right")
    for name, cost in (("branches", result.before), ("fused", result.after)):
        table.add_row(
            name,
            f"{cost.parameters:,}",
            f"{cost.macs / 1e6:,.0f} M",
            f"{cost.milliseconds:.1f}",
        )
    ratio = result.before.milliseconds / result.after.milliseconds
    table.add_row("ratio", "", "", f"{ratio:.2f}x", style="bold")
    return table

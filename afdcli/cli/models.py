"""``afd models``: list classifiers, with the AFD module for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from rich.table import Table
from rich.text import Text

from afdcli.cli import console, options
from afdcli.cli.command import ConfigOption
from afdcli.cli.completion import backbones
from afdcli.cli.help import OUTPUT
from afdcli.cli.options import argument

if TYPE_CHECKING:
    from afdcli.models.catalogue import Model

SEARCH = argument("SEARCH", "Part of a name, e.g. resnet50.", backbones)
LIMIT = OUTPUT.option("--limit N", "Show no more than N models.", (1, 1_000_000))


def models(
    search: Annotated[str, SEARCH] = "",
    limit: Annotated[int, LIMIT] = 25,
    config: ConfigOption = None,
    quiet: Annotated[bool, options.QUIET] = False,
    debug: Annotated[bool, options.DEBUG] = False,
) -> None:
    """List the classifiers that --backbone accepts. Needs no network.

    Without SEARCH: models that need no download. With SEARCH: all pretrained timm models whose
    name contains it.

    Examples:
        afd models
        afd models resnet50 --limit 5
    """
    from afdcli.models.catalogue import find_models

    found = find_models(search)
    screen = console.out(quiet)
    screen.print(_table(found[:limit]))
    screen.print(_modules())
    if len(found) > limit:
        screen.print(
            f"{len(found) - limit} more: narrow the search, or use --limit {len(found)}",
            soft_wrap=True,
        )
    if not search:
        screen.print(
            "timm has over a thousand more; `afd models resnet` searches their names.",
            soft_wrap=True,
        )


def _table(found: list[Model]) -> Table:
    from afdcli.models.catalogue import count_parameters
    from afdcli.models.packaged import PACKAGES
    from afdcli.models.shipped import DEFAULT, SHOWN

    default = f"{DEFAULT}.{PACKAGES[DEFAULT].tag}"
    table = Table(title="classifiers", title_justify="left")
    table.add_column("--backbone", overflow="fold")
    table.add_column("input", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("weights", overflow="fold")
    table.add_column("AFD module", no_wrap=True)
    for model in found:
        table.add_row(
            f"{model.name} (default)" if model.name == default else model.name,
            f"{model.width}x{model.height}",
            f"{count_parameters(model.name) / 1e6:.1f} M",
            Text(model.weights),  # the brackets of an extra are not markup
            ", ".join(SHOWN[kind] for kind in model.modules) or "none",
        )
    return table


def _modules() -> Table:
    """The modules that ship, with what each recovers and costs."""
    from afdcli.models.measured import PROTOCOL, of_card
    from afdcli.models.shipped import SHOWN, cards

    table = Table(title="AFD modules", title_justify="left", caption_justify="left")
    best = "; --afd best the best one" if any(card.kind == "best" for card in cards()) else ""
    table.caption = (
        f"--afd auto takes the light module, or else the general one{best}. Top-1: mean of the"
        f" qualities measured on {PROTOCOL}. Time: on a CPU, float32."
    )
    for name in ("module", "measured with"):
        table.add_column(name)
    for name in ("top-1, without → with", "recovered", "more time"):
        table.add_column(name, justify="right")
    order = list(SHOWN)
    for card in sorted(cards(), key=lambda card: order.index(card.kind)):
        for each in of_card(card):
            direct, afd = each.mean
            time = "" if each.added_time is None else f"{each.added_time:.0f} %"
            cells = (f"{direct:.1f} → {afd:.1f} %", f"{each.recovered:.0f} %", time)
            table.add_row(SHOWN[card.kind], each.classifier, *cells)
    return table

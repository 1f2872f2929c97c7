"""``afd inspect``: everything that is known about one file, as text and as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from afdcli.cli import console, options
from afdcli.cli.command import ConfigOption
from afdcli.cli.help import OUTPUT
from afdcli.cli.options import argument
from afdcli.errors import AfdError, PhotoError, UsageError
from afdcli.storage.writable import check_file, save

FILE = argument("FILE", "Image to inspect.")
SHEET = OUTPUT.option(
    "-o,--out FILE",
    "Figure to write: .png, .svg or .pdf. Default: NAME.inspect.png in the current folder.",
)
PICTURE = OUTPUT.option(
    "--picture/--no-picture", "Write the figure, or only print. Default: --picture."
)


def inspect(
    file: Annotated[Path, FILE],
    icc: Annotated[bool, options.ICC] = True,
    backbone: Annotated[str | None, options.BACKBONE] = None,
    checkpoint: Annotated[Path | None, options.CHECKPOINT] = None,
    imports: Annotated[list[str] | None, options.IMPORT] = None,
    class_names: Annotated[Path | None, options.CLASS_NAMES] = None,
    afd: Annotated[str, options.AFD_MODULE] = "auto",
    sheet: Annotated[Path | None, SHEET] = None,
    picture: Annotated[bool, PICTURE] = True,
    config: ConfigOption = None,
    quiet: Annotated[bool, options.QUIET] = False,
    debug: Annotated[bool, options.DEBUG] = False,
) -> None:
    """Show how one image was compressed, what the classifier sees, and where features drift.

    Prints codec, size, quality factor, quantisation tables, and the classes without and with AFD.
    Draws a figure of the crop, its blocks, the drift and the DCT energy.

    Examples:
        afd inspect a.jpg
        afd inspect a.jpg --no-picture
    """
    from afdcli.codec.read import read_photo
    from afdcli.models.shipped import DEFAULT
    from afdcli.storage.text import clean

    target = _target(file, sheet) if picture else None
    try:
        photo = read_photo(file, salvage=True, icc=icc)
        console.say_loading(backbone or DEFAULT, quiet)

        from afdcli.inspect.facts import find_facts
        from afdcli.inspect.figure import draw
        from afdcli.inspect.predict import predict
        from afdcli.inspect.screen import show
        from afdcli.models.afd_file import find_module
        from afdcli.models.loader import load_backbone

        facts = find_facts(file, photo)
        net = load_backbone(
            backbone or DEFAULT,
            checkpoint=checkpoint,
            imports=imports or (),
            class_names=class_names,
        )
        module = find_module(afd, net)
        inspection = predict(photo, net, module)
    except PhotoError as error:
        raise AfdError(f"{clean(str(file))}: {error}") from error
    if target is not None:
        save(target, draw(facts, inspection, target.suffix[1:].lower()))
    screen = console.out(quiet)
    show(screen, facts, inspection, net, module)
    if target is not None:
        screen.print(f"figure: {clean(str(target))}", markup=False, highlight=False, soft_wrap=True)


def _target(file: Path, sheet: Path | None) -> Path:
    """Where to write the figure. Raises UsageError if it cannot be written there."""
    if sheet is None:
        sheet = Path(f"{file.stem}.inspect.png")
    if sheet.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--out {sheet}: the name of the figure must end in .png, .svg or .pdf")
    check_file(sheet, inputs=[file])
    return sheet

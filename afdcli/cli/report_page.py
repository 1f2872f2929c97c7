"""``afd report --html``: check the options and write the page."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from afdcli.cli.command import command_line
from afdcli.cli.console import err, say_loading
from afdcli.errors import UsageError
from afdcli.storage.paths import trouble
from afdcli.storage.writable import check_file

if TYPE_CHECKING:
    from afdcli.report.runs import Run
    from afdcli.report.summary import Report

SUFFIXES = (".html", ".htm")


def check_page(
    html: Path | None,
    photos: Path | None,
    maps: bool,
    taken: Sequence[Path],
    listing: bool = False,
) -> None:
    """Check that the page can be written, before any slow work.

    Args:
        taken: the other files that are read or written.
        listing: *photos* also serves to find the failed files.

    Raises:
        UsageError: a wrong name, or no such folder.
    """
    if maps and photos is None:
        raise UsageError("--maps shows pictures: it needs --photos DIR")
    if html is None:
        if photos is not None and not listing:
            raise UsageError("--photos adds pictures to the page: it needs --html FILE")
        return
    if html.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--html {html}: the name must end in .html")
    if any(html.resolve() == path.resolve() for path in taken):
        raise UsageError(
            f"--html {html}: would overwrite another file of this report; choose another name"
        )
    check_file(html, "--html")
    if photos is not None and not photos.is_dir():
        raise UsageError(f"--photos {photos}: no such folder")


def write_page(
    html: Path,
    runs: Sequence[Run],
    reports: Sequence[Report],
    remarks: Sequence[str],
    photos: Path | None,
    maps: bool,
) -> None:
    """Write the page.

    Raises:
        AfdError: *maps* is set and a classifier or module cannot be loaded.
        ResultsError: the page cannot be written.
    """
    from afdcli.cli.live import counting
    from afdcli.report.html.page import render_page

    screen = err()
    if maps:
        say_loading(", ".join(dict.fromkeys(run.backbone for run in runs)))
    with counting(screen, "pictures") if photos is not None else nullcontext() as on_picture:
        page = render_page(
            runs,
            reports,
            command=command_line(),
            remarks=remarks,
            photos=photos,
            maps=maps,
            on_picture=on_picture or (lambda *_: None),
        )
    save(html, page)


def save(path: Path, text: str) -> None:
    """Write *text* to *path*; missing folders are created.

    Raises:
        ResultsError: it cannot be written.
    """
    with trouble("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")

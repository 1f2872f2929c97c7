"""Names of pictures in the results: they tell pictures apart, and lead back to the files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from afdcli.storage.paths import is_url
from afdcli.storage.text import printable


def name_from(here: Path, path: Path, *, full: bool = False) -> str:
    """The name in the results of a file that is not found in a given folder.

    Relative to the folder *here*; outside of it, the bare file name, or with *full* the whole path.
    """
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    inside = whole.is_relative_to(here)
    outside = whole.as_posix() if full else whole.name
    return printable(whole.relative_to(here).as_posix() if inside else outside)


def input_names(places: Sequence[str]) -> list[str]:
    """A name for each of several inputs: the last parts of its path, as few as tell it apart.

    ``/data/cam1`` and ``/data/cam2`` are "cam1" and "cam2"; ``/a/photos`` and ``/b/photos`` are
    "a/photos" and "b/photos". The same place given twice has the same name.

    Args:
        places: absolute paths and URLs.
    """
    parts = {place: _parts(place) for place in places}
    depths = dict.fromkeys(parts, 1)
    while True:
        names = {place: "/".join(parts[place][-depth:]) for place, depth in depths.items()}
        counts = Counter(names.values())
        longer = [p for p, name in names.items() if counts[name] > 1 and depths[p] < len(parts[p])]
        if not longer:
            return [names[place] for place in places]
        for place in longer:
            depths[place] += 1


def _parts(place: str) -> list[str]:
    """The parts of a path or URL, without its scheme."""
    path = place.partition("://")[2] if is_url(place) else os.path.normpath(place)
    return [part for part in path.split("/") if part] or [""]


def tails(place: str) -> set[str]:
    """All names that `input_names` may give to *place*."""
    parts = _parts(place)
    return {"/".join(parts[-depth:]) for depth in range(1, len(parts) + 1)} - {""}

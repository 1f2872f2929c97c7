"""A sample of the pictures whose class AFD changed, as many for the worse as for the better."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afdcli.constants import WORDS
from afdcli.report.estimates import changed_flags
from afdcli.report.html.images import OnPicture, alike, draw_maps, find, thumbnails, thumbprint
from afdcli.report.runs import Run, TopClasses
from afdcli.storage.text import clean

if TYPE_CHECKING:
    from afdcli.inspect.maps import MapScale

SHOWN = 24  # pictures per page, over all runs

WON, LOST, OTHER, ANY = "wrong → right", "right → wrong", "wrong → wrong", "changed"

Kinds = dict[str, npt.NDArray[np.intp]]


@dataclass(frozen=True)
class ChangedPicture:
    """One picture whose top class changed.

    Attributes:
        name: path in the results.
        kind: WON, LOST, OTHER, or ANY if the true class is unknown.
        before, after: label and probability without and with AFD.
        truth: the true class, "" if unknown.
        thumbnail: a small copy as a data: URI.
        map: the feature drifting map over the classifier's view, as a data: URI; "" without one.
    """

    name: str
    kind: str
    before: str
    after: str
    truth: str
    thumbnail: str
    map: str = ""

    @property
    def tone(self) -> str:
        """ "good", "bad" or ""."""
        return {WON: "good", LOST: "bad"}.get(self.kind, "")


@dataclass(frozen=True)
class Changed:
    """The pictures of one run whose top class AFD changed.

    Attributes:
        name: name of the run.
        counts: kind -> number of pictures.
        note: why there are fewer pictures, or none; "" if all are shown.
        pictures: the sample to show.
        scale: what the colours of the maps mean; None without maps.
    """

    name: str
    counts: dict[str, int]
    note: str
    pictures: tuple[ChangedPicture, ...] = ()
    scale: MapScale | None = None

    @property
    def about_maps(self) -> str:
        """What the maps are, and their colours."""
        from afdcli.inspect.maps import PERCENTILES

        word = "drift" if self.scale and self.scale.unit else "FDM"
        low, high = PERCENTILES
        return (
            f"{word}, the {WORDS[word]}. The same colours mean the same in all pictures; they end "
            f"at percentiles {low} and {high} of all values."
        )


def changed(
    runs: Sequence[Run], folder: Path | None, maps: bool, on_picture: OnPicture = lambda *_: None
) -> list[Changed]:
    """Collect a sample of each run's changed pictures, about `SHOWN` in total.

    Args:
        folder: the pictures; None for counts only.
        maps: True to draw feature drifting maps.
        on_picture: called with how many thumbnails and maps of a run are done, and how many it has.

    Raises:
        AfdError: *maps* is True, and a classifier or module cannot be loaded.
    """
    most = max(2, SHOWN // len(runs))
    return [_changed(run, folder, maps, most, on_picture) for run in runs]


def _changed(
    run: Run, folder: Path | None, maps: bool, most: int, on_picture: OnPicture
) -> Changed:
    name = clean(run.name)
    if run.direct is None or run.afd is None:
        note = "Nothing to compare: there are labels with AFD only, or without AFD only."
        return Changed(name, {}, note)
    kinds = _kinds(run.direct, run.afd, run.labelled)
    counts = {kind: len(at) for kind, at in kinds.items()}
    total = sum(counts.values())
    if not total:
        return Changed(name, counts, "AFD changed no label.")
    if folder is None:
        return Changed(name, counts, "Thumbnails need the photos: --photos DIR.")
    # More candidates than needed: some files may be missing, or show the same picture.
    wanted = itertools.islice(_alternate(kinds, run.pictures), 4 * most)
    paths = {(kind, i): find(folder, str(run.rows["path"][i])) for kind, i in wanted}
    found = {key: path for key, path in paths.items() if path is not None}
    expected = min(most, len(found))
    chosen: dict[tuple[str, int], bytes] = {}
    thumbprints: list[npt.NDArray[np.int16]] = []
    images = thumbnails(list(found.values()))
    for done, (key, image) in enumerate(zip(found, images, strict=False), 1):
        on_picture(min(done, expected), expected * (1 + maps))
        if image is not None and not any(alike(thumbprint(image), other) for other in thumbprints):
            thumbprints.append(thumbprint(image))
            chosen[key] = image
        if len(chosen) == most:
            break
    pictures = [_picture(run, kind, i, image) for (kind, i), image in chosen.items()]
    scale = None
    if maps and pictures:
        files = [found[key] for key in chosen]
        drawn, scale = draw_maps(run, files, lambda n: on_picture(len(files) + n, 2 * len(files)))
        pictures = [replace(p, map=_uri(m)) for p, m in zip(pictures, drawn, strict=True)]
    return Changed(name, counts, _note(len(pictures), total, folder), tuple(pictures), scale)


def _note(shown: int, total: int, folder: Path) -> str:
    if not shown:
        where = clean(str(folder))
        return f"None of them could be read from {where}: is it the folder that was classified?"
    if shown == total:
        return ""
    return f"Shown: {shown:,} of {total:,}, those with the most probable labels; each picture once."


def _kinds(direct: TopClasses, afd: TopClasses, labelled: bool) -> Kinds:
    """Positions of the changed rows by kind, by falling sum of both probabilities."""
    at = changed_flags(direct, afd) == 1
    kinds = {ANY: at}
    if labelled:
        before, after = (g["right"].to_numpy(dtype=float) for g in (direct, afd))
        kinds = {
            LOST: at & (before == 1),
            WON: at & (after == 1),
            OTHER: at & (before == 0) & (after == 0),
        }
    order = np.argsort(-(direct["prob"] + afd["prob"]).to_numpy(dtype=float), kind="stable")
    return {kind: order[chosen[order]] for kind, chosen in kinds.items()}


def _alternate(kinds: Kinds, pictures: npt.NDArray[np.intp]) -> Iterator[tuple[str, int]]:
    """Rows with their kinds, alternating between kinds; OTHER comes last.

    Of the views of a picture, only the first counts.
    """
    first = [[(kind, int(i)) for i in kinds[kind]] for kind in kinds if kind != OTHER]
    turns = filter(None, itertools.chain(*itertools.zip_longest(*first)))
    seen = set()
    for kind, i in [*turns, *((OTHER, int(i)) for i in kinds.get(OTHER, ()))]:
        if pictures[i] not in seen:
            seen.add(pictures[i])
            yield kind, i


def _picture(run: Run, kind: str, at: int, thumbnail: bytes) -> ChangedPicture:
    def said(classes: TopClasses) -> str:
        return f"{clean(str(classes['label'][at]))} {100 * float(classes['prob'][at]):.0f} %"

    return ChangedPicture(
        name=clean(str(run.rows["path"][at])),
        kind=kind,
        before=said(run.predictions["direct"]),
        after=said(run.predictions["afd"]),
        truth=clean(str(run.rows["target_label"][at])) if "target_label" in run.rows else "",
        thumbnail=_uri(thumbnail),
    )


def _uri(jpeg: bytes | None) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii") if jpeg else ""

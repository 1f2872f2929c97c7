"""A sample of the pictures whose class AFD changed, as many for the worse as for the better."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afdcli.constants import WORDS
from afdcli.report import cells
from afdcli.report.estimates import changed_flags
from afdcli.report.html.images import Look, Mapper, OnPicture, alike, find, look, thumbnails
from afdcli.report.runs import Run, TopClasses
from afdcli.storage.text import clean

if TYPE_CHECKING:
    from afdcli.inspect.maps import MapScale

SHOWN = 24  # pictures per page, over all runs

WON, LOST, OTHER, ANY = "wrong → right", "right → wrong", "wrong → wrong", "changed"
_TONES = {WON: "good", LOST: "bad"}


@dataclass(frozen=True)
class Picture:
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
        return _TONES.get(self.kind, "")


@dataclass(frozen=True)
class Changed:
    """The pictures of one run whose top class AFD changed.

    Attributes:
        name: name of the run.
        counts: (kind, number of pictures).
        pictures: the sample to show.
        notes: sentences on why there are fewer pictures, or none.
        scale: what the colours of the maps mean; None without maps.
    """

    name: str
    counts: tuple[tuple[str, int], ...]
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]
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
        runs: one or more.
        folder: folder with the pictures; None for counts only.
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
    flags = changed_flags(run.direct, run.afd)
    if flags is None or run.direct is None or run.afd is None:
        note = "Nothing to compare: there are predictions with AFD only, or without AFD only."
        return Changed(name, (), (), (note,))
    kinds = _kinds(run.direct, run.afd, flags == 1, run.labelled)
    counts = tuple((kind, len(at)) for kind, at in kinds.items())
    if not any(n for _, n in counts):
        return Changed(name, counts, (), ("AFD changed no prediction.",))
    if folder is None:
        return Changed(name, counts, (), ("Thumbnails need the photos: --photos DIR.",))
    twice = 1 + maps  # a thumbnail of each, and a map
    chosen = _choose(run, kinds, folder, most, lambda done, n: on_picture(done, twice * n))
    pictures = [_picture(run, kind, i, thumbnail) for kind, i, _, thumbnail in chosen]
    notes = _notes(len(pictures), sum(n for _, n in counts), folder)
    scale = None
    if maps and pictures:
        paths = [path for _, _, path, _ in chosen]
        mapper = Mapper.from_run(run)
        drawn, scale = mapper.draw(
            paths, lambda done: on_picture(len(paths) + done, 2 * len(paths))
        )
        pictures = [replace(p, map=_uri(m)) for p, m in zip(pictures, drawn, strict=True)]
    return Changed(name, counts, tuple(pictures), notes, scale)


def _choose(
    run: Run,
    kinds: dict[str, npt.NDArray[np.intp]],
    folder: Path,
    most: int,
    on_picture: OnPicture,
) -> list[tuple[str, int, Path, bytes]]:
    """At most *most* (kind, row, file, thumbnail), none of them twice."""
    paths = run.rows["path"]
    # More candidates than needed: some files may be missing, or show the same picture.
    wanted = _alternate(kinds, run.pictures)[: 4 * most]
    found = [(kind, i, p) for kind, i in wanted if (p := find(folder, str(paths[i]))) is not None]
    chosen: list[tuple[str, int, Path, bytes]] = []
    looks: list[Look] = []
    for start in range(0, len(found), most):
        part = found[start : start + most]
        small = thumbnails(
            [path for _, _, path in part],
            lambda done: on_picture(start + done, start + len(part)),  # noqa: B023
        )
        for one, image in zip(part, small, strict=True):
            if image is None:
                continue
            seen = look(image)
            if not any(alike(seen, other) for other in looks):
                looks.append(seen)
                chosen.append((*one, image))
        if len(chosen) >= most:
            break
    return chosen[:most]


def _notes(shown: int, total: int, folder: Path) -> tuple[str, ...]:
    where = clean(str(folder))
    if not shown:
        return (f"None of them could be read from {where}: is it the folder that was classified?",)
    if shown < total:
        return (
            f"Shown: {shown:,} of {total:,}, those with the most confident predictions; each "
            "picture once.",
        )
    return ()


def _kinds(
    direct: TopClasses, afd: TopClasses, at: npt.NDArray[np.bool_], labelled: bool
) -> dict[str, npt.NDArray[np.intp]]:
    """Positions of the changed rows by kind, by falling sum of both probabilities."""
    confidence = direct["prob"].to_numpy(dtype=float) + afd["prob"].to_numpy(dtype=float)
    kinds = {ANY: at}
    if labelled:
        before, after = (g["right"].to_numpy(dtype=float) for g in (direct, afd))
        kinds = {
            LOST: at & (before == 1),
            WON: at & (after == 1),
            OTHER: at & (before == 0) & (after == 0),
        }
    found = {}
    for kind, chosen in kinds.items():
        rows = np.flatnonzero(chosen)
        found[kind] = rows[np.argsort(-confidence[rows], kind="stable")]
    return found


def _alternate(
    kinds: dict[str, npt.NDArray[np.intp]], pictures: npt.NDArray[np.intp]
) -> list[tuple[str, int]]:
    """Rows with their kinds, alternating between kinds; OTHER comes last.

    Of the views of a picture, only the first counts: a row whose picture came before is left out.
    """
    first = [kind for kind in kinds if kind != OTHER]
    turns = itertools.zip_longest(*([(kind, int(i)) for i in kinds[kind]] for kind in first))
    order = [one for turn in turns for one in turn if one is not None]
    order += [(OTHER, int(i)) for i in kinds.get(OTHER, ())]
    once = {int(pictures[i]): (kind, i) for kind, i in reversed(order)}
    return [(kind, i) for kind, i in order if once[int(pictures[i])] == (kind, i)]


def _picture(run: Run, kind: str, at: int, thumbnail: bytes) -> Picture:
    truth = str(run.rows["target_label"][at]) if "target_label" in run.rows else ""
    return Picture(
        name=clean(str(run.rows["path"][at])),
        kind=kind,
        before=_prediction(run.direct, at),
        after=_prediction(run.afd, at),
        truth=clean(truth),
        thumbnail=_uri(thumbnail),
    )


def _uri(jpeg: bytes | None) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii") if jpeg else ""


def _prediction(top_classes: TopClasses | None, at: int) -> str:
    if top_classes is None:
        return cells.DASH
    return f"{clean(str(top_classes['label'][at]))} {100 * float(top_classes['prob'][at]):.0f} %"

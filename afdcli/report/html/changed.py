"""A sample of the pictures whose class AFD changed, as many for the worse as for the better."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from afdcli.report import cells
from afdcli.report.estimates import changed_flags
from afdcli.report.html.images import Mapper, find, thumbnails
from afdcli.report.runs import Run, TopClasses
from afdcli.storage.text import clean

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
    map: str

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
    """

    name: str
    counts: tuple[tuple[str, int], ...]
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]


def changed(runs: Sequence[Run], folder: Path | None, maps: bool) -> list[Changed]:
    """Collect a sample of each run's changed pictures, about `SHOWN` in total.

    Args:
        runs: one or more.
        folder: folder with the pictures; None for counts only.
        maps: True to draw feature drifting maps.

    Raises:
        AfdError: *maps* is True, and a classifier or module cannot be loaded.
    """
    return [_changed(run, folder, maps, max(2, SHOWN // len(runs))) for run in runs]


def _changed(run: Run, folder: Path | None, maps: bool, most: int) -> Changed:
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
    pictures = _pictures(run, kinds, folder, maps, most)
    return Changed(name, counts, pictures, _notes(len(pictures), sum(n for _, n in counts), folder))


def _pictures(
    run: Run, kinds: dict[str, npt.NDArray[np.intp]], folder: Path, maps: bool, most: int
) -> tuple[Picture, ...]:
    # More candidates than needed: some files may be missing.
    wanted = _alternate(kinds)[: 4 * most]
    paths = run.rows["path"]
    found = [(kind, i, p) for kind, i in wanted if (p := find(folder, str(paths[i]))) is not None]
    found = found[:most]
    small = thumbnails([path for _, _, path in found])
    mapper = Mapper.from_run(run) if maps and any(small) else None
    pictures = []
    for (kind, i, path), image in zip(found, small, strict=True):
        if image is not None:
            heat = mapper.draw(path) if mapper else None
            pictures.append(_picture(run, kind, i, (image, heat)))
    return tuple(pictures)


def _notes(shown: int, total: int, folder: Path) -> tuple[str, ...]:
    where = clean(str(folder))
    if not shown:
        return (f"None of them could be read from {where}: is it the folder that was classified?",)
    if shown < total:
        return (f"Shown: {shown:,} of {total:,}, those with the most confident predictions.",)
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


def _alternate(kinds: dict[str, npt.NDArray[np.intp]]) -> list[tuple[str, int]]:
    """Alternate between kinds; OTHER comes last."""
    first = [kind for kind in kinds if kind != OTHER]
    order = []
    for k in range(max((min(len(kinds[kind]), 4 * SHOWN) for kind in first), default=0)):
        order += [(kind, int(kinds[kind][k])) for kind in first if k < len(kinds[kind])]
    return order + [(OTHER, int(i)) for i in kinds.get(OTHER, ())[: 4 * SHOWN]]


def _picture(run: Run, kind: str, at: int, images: tuple[bytes, bytes | None]) -> Picture:
    truth = str(run.rows["target_label"][at]) if "target_label" in run.rows else ""
    return Picture(
        name=clean(str(run.rows["path"][at])),
        kind=kind,
        before=_prediction(run.direct, at),
        after=_prediction(run.afd, at),
        truth=clean(truth),
        thumbnail=_uri(images[0]),
        map=_uri(images[1]),
    )


def _uri(jpeg: bytes | None) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii") if jpeg else ""


def _prediction(top_classes: TopClasses | None, at: int) -> str:
    if top_classes is None:
        return cells.DASH
    return f"{clean(str(top_classes['label'][at]))} {100 * float(top_classes['prob'][at]):.0f} %"

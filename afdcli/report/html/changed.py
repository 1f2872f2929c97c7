"""The pictures that AFD changed most: as many made worse as made better, where there are."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from afdcli.report import text
from afdcli.report.estimates import changed_flags
from afdcli.report.html.maps import Mapper
from afdcli.report.runs import Guesses, Run
from afdcli.report.thumbnails import SIDE, find, thumbnails
from afdcli.storage.text import clean

SHOWN = 24  # pictures per page

WON, LOST, OTHER, ANY = "wrong → right", "right → wrong", "wrong → wrong", "changed"
_TONES = {WON: "good", LOST: "bad"}


@dataclass(frozen=True)
class Picture:
    """One picture whose answer changed.

    Attributes:
        name: its path in the results.
        kind: WON, LOST, OTHER, or ANY where the truth is unknown.
        before, after: labels without and with AFD, with their probabilities.
        truth: the true class, "" if unknown.
        uri: a thumbnail as a data: URI.
        map: the feature drifting map over what the classifier sees, likewise; "" without one.
    """

    name: str
    kind: str
    before: str
    after: str
    truth: str
    uri: str
    map: str

    @property
    def tone(self) -> str:
        """ "good", "bad" or ""."""
        return _TONES.get(self.kind, "")


@dataclass(frozen=True)
class Changed:
    """The pictures of one run whose answer AFD changed.

    Attributes:
        name: of the run.
        counts: how many there are, by kind.
        pictures: the sample that is shown.
        notes: why there are none, or fewer.
    """

    name: str
    counts: tuple[tuple[str, int], ...]
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]


def changed(runs: Sequence[Run], folder: Path | None, maps: bool) -> list[Changed]:
    """A sample of each run's changed pictures, `SHOWN` in all, found in *folder*.

    Raises:
        AfdError: *maps* are asked for, and the classifier or module cannot be loaded.
    """
    return [_of_run(run, folder, maps, max(2, SHOWN // len(runs))) for run in runs]


def _of_run(run: Run, folder: Path | None, maps: bool, room: int) -> Changed:
    name = clean(run.name)
    flags = changed_flags(run.direct, run.afd)
    if flags is None or run.direct is None or run.afd is None:
        note = "Nothing to compare: there are answers with AFD only, or without it only."
        return Changed(name, (), (), (note,))
    kinds = _kinds(run.direct, run.afd, flags == 1, run.labelled)
    counts = tuple((kind, len(at)) for kind, at in kinds.items())
    if not any(n for _, n in counts):
        return Changed(name, counts, (), ("AFD changed no answer.",))
    if folder is None:
        return Changed(name, counts, (), ("Thumbnails need the photos: --photos DIR.",))
    pictures = _pictures(run, kinds, folder, maps, room)
    return Changed(name, counts, pictures, _notes(len(pictures), sum(n for _, n in counts), folder))


def _pictures(
    run: Run, kinds: dict[str, npt.NDArray[np.intp]], folder: Path, maps: bool, room: int
) -> tuple[Picture, ...]:
    # Spares, for some files may be gone; one kind's room goes to the others where it has few.
    wanted = _in_turn(kinds)[: 4 * room]
    paths = run.rows["path"]
    found = [(kind, i, p) for kind, i in wanted if (p := find(folder, str(paths[i]))) is not None]
    found = found[:room]
    made = thumbnails([path for _, _, path in found])
    mapper = Mapper.of(run) if maps and any(made) else None
    pictures = []
    for (kind, i, path), image in zip(found, made, strict=True):
        if image is not None:
            heat = mapper.draw(path, SIDE) if mapper else None
            pictures.append(_picture(run, kind, i, (image, heat)))
    return tuple(pictures)


def _notes(shown: int, there: int, folder: Path) -> tuple[str, ...]:
    where = clean(str(folder))
    if not shown:
        return (f"None of them could be read from {where}: is it the folder that was classified?",)
    if shown < there:
        return (f"Shown: {shown:,} of {there:,}, those that both answers are surest of.",)
    return ()


def _kinds(
    direct: Guesses, afd: Guesses, at: npt.NDArray[np.bool_], labelled: bool
) -> dict[str, npt.NDArray[np.intp]]:
    """Positions of the changed rows by kind, those first where both answers are sure."""
    sure = direct["prob"].to_numpy(dtype=float) + afd["prob"].to_numpy(dtype=float)
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
        found[kind] = rows[np.argsort(-sure[rows], kind="stable")]
    return found


def _in_turn(kinds: dict[str, npt.NDArray[np.intp]]) -> list[tuple[str, int]]:
    """One of each kind in turn; pictures that stay wrong only after the others."""
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
        before=_guess(run.direct, at),
        after=_guess(run.afd, at),
        truth=clean(truth),
        uri=_uri(images[0]),
        map=_uri(images[1]),
    )


def _uri(jpeg: bytes | None) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii") if jpeg else ""


def _guess(top_classes: Guesses | None, at: int) -> str:
    if top_classes is None:
        return text.DASH
    return f"{clean(str(top_classes['label'][at]))} {100 * float(top_classes['prob'][at]):.0f} %"

"""Rows and columns of a results table. This file alone defines the column names.

`afdcli.classify.setup` fills them in: a failed image's row in `Setup.row_after_reading`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING

from afdcli.constants import FAILED, OK
from afdcli.errors import PhotoError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Prefix of the columns that hold predictions without AFD in a ``--compare`` run.
DIRECT = "direct_"
#: Column that says whether the best class is less probable than ``--min-prob``.
UNSURE = "unsure"

Cell = str | int | float | bool | None

_FACTS = {
    **dict.fromkeys(("path", "status", "error", "codec"), str),
    **dict.fromkeys(("width", "height"), int),
    **dict.fromkeys(("quality", "drift"), float),
}
_EXIF = {"exif_time": str, "exif_latitude": float, "exif_longitude": float}


@dataclass(frozen=True)
class TopClass:
    """One predicted class.

    Attributes:
        label: class name.
        index: class index in the classifier's output, from 0 on.
        prob: softmax probability, 0 to 1.
    """

    label: str
    index: int
    prob: float


@dataclass(frozen=True)
class Row:
    """The result for one input.

    Attributes:
        path: as `afdcli.inputs.found.Found.relative`.
        status: "ok"; "damaged" if the picture was classified but its decoder had to guess part of
            it; or "failed".
        error: an `afdcli.errors.ErrorCode` value if the row failed, else "".
        codec: codec of the file, such as "jpeg"; "" if it could not be read.
        width, height: size of the stored picture in pixels; None if it could not be read.
        quality: estimated IJG quality factor, 1 to 100; None if the file has no quantisation
            tables.
        drift: mean angle, 0 to 180 degrees, between the features at the plug point before and after
            the AFD module: the drift that the module estimates; None without a module.
        top_classes: the top-k classes, most probable first; empty if the row failed.
        direct: the top-k classes without AFD (``--compare``), else empty.
        target: index of the true class (``--labels``); None if unknown.
        target_label: name of the true class; "" if unknown.
        exif_time, exif_latitude, exif_longitude: when and where the photo was taken (``--exif``),
            see `afdcli.codec.exif.Exif`; empty if unknown.
        note: what went wrong, or a remark on how the photo was read.
        features: pooled features, (D,), with ``--embeddings``; not in the results themselves.
    """

    path: str
    status: str = OK
    error: str = ""
    codec: str = ""
    width: int | None = None
    height: int | None = None
    quality: float | None = None
    drift: float | None = None
    top_classes: tuple[TopClass, ...] = ()
    direct: tuple[TopClass, ...] = ()
    target: int | None = None
    target_label: str = ""
    exif_time: str = ""
    exif_latitude: float | None = None
    exif_longitude: float | None = None
    note: str = ""
    features: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    def failed(self, error: PhotoError) -> Row:
        """This row as that of an input that failed with *error*."""
        return replace(self, status=FAILED, error=str(error.code), note=error.message)


@dataclass(frozen=True)
class Columns:
    """The columns that a run writes.

    Attributes:
        topk: number of classes per row, at least 1.
        labels: True with ``--labels``: adds target, target_label and correct.
        compare: True with ``--compare``: adds the direct_ columns.
        exif: True with ``--exif``: adds the exif_ columns.
        min_prob: probability of the best class, 0 to 1, below which a row is unsure
            (``--min-prob``): adds unsure; None without.
    """

    topk: int = 1
    labels: bool = False
    compare: bool = False
    exif: bool = False
    min_prob: float | None = None

    @cached_property
    def types(self) -> dict[str, type]:
        """Type of each column, in file order: str, int, float or bool."""
        classes: dict[str, type] = {}
        for tail in self._tails:
            classes |= {f"label{tail}": str, f"index{tail}": int, f"prob{tail}": float}
        classes |= {"correct": bool} if self.labels else {}
        types: dict[str, type] = _FACTS | classes
        types |= {UNSURE: bool} if self.min_prob is not None else {}
        types |= {"target": int, "target_label": str} if self.labels else {}
        types |= {DIRECT + name: kind for name, kind in classes.items()} if self.compare else {}
        return types | (_EXIF if self.exif else {}) | {"note": str}

    @property
    def names(self) -> list[str]:
        """Column names in file order."""
        return list(self.types)

    @property
    def _tails(self) -> list[str]:
        """Ends of the names of the columns of each class."""
        return ["", *(f"_{k}" for k in range(2, self.topk + 1))]

    def flatten(self, row: Row) -> dict[str, Cell]:
        """Turn *row* into cells by column name, in the order of `names`; None is an empty cell."""
        cells = vars(row) | self._flatten_classes(row.top_classes, row.target, "")
        cells |= self._flatten_classes(row.direct, row.target, DIRECT)
        if self.min_prob is not None:
            cells[UNSURE] = row.top_classes[0].prob < self.min_prob if row.top_classes else None
        return {name: cells[name] for name in self.types}

    def restore(self, cells: Mapping[str, Cell]) -> Row:
        """Undo `flatten`. Numbers may be text, as in CSV. Raises KeyError, ValueError."""
        values = {name: _typed(kind, cells[name]) for name, kind in self.types.items()}
        shared = {f.name: values[f.name] for f in fields(Row) if f.name in values}
        row = Row(**{name: v for name, v in shared.items() if v is not None})  # type: ignore[arg-type]
        direct = self._restore_classes(values, DIRECT) if self.compare else ()
        return replace(row, top_classes=self._restore_classes(values, ""), direct=direct)

    def _restore_classes(self, values: Mapping[str, Cell], prefix: str) -> tuple[TopClass, ...]:
        top_classes = []
        for tail in self._tails:
            label, index, prob = (values[f"{prefix}{n}{tail}"] for n in ("label", "index", "prob"))
            if isinstance(index, int) and isinstance(prob, float):
                top_classes.append(TopClass(str(label), index, prob))
        return tuple(top_classes)

    def _flatten_classes(
        self, top_classes: tuple[TopClass, ...], target: int | None, prefix: str
    ) -> dict[str, Cell]:
        cells: dict[str, Cell] = {}
        for tail, top in zip_longest(self._tails, top_classes[: self.topk]):
            cells[f"{prefix}label{tail}"] = top.label if top else ""
            cells[f"{prefix}index{tail}"] = top.index if top else None
            cells[f"{prefix}prob{tail}"] = top.prob if top else None
        known = top_classes and target is not None
        cells[f"{prefix}correct"] = top_classes[0].index == target if known else None
        return cells


def _typed(kind: type, cell: Cell) -> Cell:
    if kind is str:
        return "" if cell is None else str(cell)
    if cell is None or cell == "":
        return None
    value: Cell = kind(int(cell)) if kind is bool else kind(cell)
    return value

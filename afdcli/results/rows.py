"""One row of a results table. Column names are stated here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

OK = "ok"
DAMAGED = "damaged"
FAILED = "failed"
#: Prefix of the columns of the plain backbone, without AFD, in a ``--compare`` run.
DIRECT = "direct_"

Cell = str | int | float | bool | None

#: Types of the columns that are not text, by name without `DIRECT` and without ``_k``.
_TYPES: dict[str, type] = {
    "width": int,
    "height": int,
    "quality": float,
    "drift": float,
    "index": int,
    "prob": float,
    "correct": bool,
    "target": int,
}


@dataclass(frozen=True)
class TopClass:
    """One predicted class.

    Attributes:
        label: class name.
        index: class index in the classifier's output.
        prob: softmax probability, 0 to 1.
    """

    label: str
    index: int
    prob: float


@dataclass(frozen=True)
class Row:
    """Everything that the results say about one input.

    Attributes:
        path: relative to the input folder it was found in, with forward slashes.
        status: "ok"; "damaged" where the picture was classified but its decoder had to guess a
            part of it; or "failed".
        error: an `afdcli.errors.ErrorCode` value of a failed row, else empty.
        codec, width, height: of the stored picture; None where it could not be read.
        quality: estimated IJG quality factor, None where the file does not tell.
        drift: mean feature angle, degrees, between what reached the plug point and what the AFD
            module made of it: how far the module judged the features to have drifted.
        top_classes: the top-k classes, best first; empty for a failed row.
        direct: the top-k classes of the plain backbone (``--compare``).
        target: true class index (``--labels``), None where unknown.
        target_label: its name.
        note: a sentence on what went wrong, or a remark on how the photo was read.
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
    note: str = ""


@dataclass(frozen=True)
class Columns:
    """Which columns a run writes.

    Attributes:
        topk: number of top_classes per row.
        labels: True with ``--labels``: adds target, target_label and correct.
        compare: True with ``--compare``: adds the direct_ columns.
    """

    topk: int = 1
    labels: bool = False
    compare: bool = False

    @property
    def names(self) -> list[str]:
        """Column names in file order."""
        guess = ["label", "index", "prob"]
        for k in range(2, self.topk + 1):
            guess += [f"label_{k}", f"index_{k}", f"prob_{k}"]
        if self.labels:
            guess = [*guess, "correct"]
        names = ["path", "status", "error", "codec", "width", "height", "quality", "drift", *guess]
        if self.labels:
            names += ["target", "target_label"]
        if self.compare:
            names += [DIRECT + name for name in guess]
        return [*names, "note"]

    @property
    def types(self) -> dict[str, type]:
        """Type of each column of `names`: str, int, float or bool."""
        bare = {name: re.sub(r"_\d+$", "", name.removeprefix(DIRECT)) for name in self.names}
        return {name: _TYPES.get(bare[name], str) for name in self.names}

    def flatten(self, row: Row) -> dict[str, Cell]:
        """*row* as a flat mapping with exactly `names` as keys; None is an empty cell."""
        cells: dict[str, Cell] = {
            "path": row.path,
            "status": row.status,
            "error": row.error,
            "codec": row.codec,
            "width": row.width,
            "height": row.height,
            "quality": row.quality,
            "drift": row.drift,
        }
        cells |= self._top_classes(row.top_classes, row.target, "")
        if self.labels:
            cells |= {"target": row.target, "target_label": row.target_label}
        if self.compare:
            cells |= self._top_classes(row.direct, row.target, DIRECT)
        cells["note"] = row.note
        return cells

    def restore(self, cells: Mapping[str, Cell]) -> Row:
        """Undo `flatten`; numbers may come as text, as CSV has them."""
        values = {name: self._value(kind, cells[name]) for name, kind in self.types.items()}
        shared = {f.name: values[f.name] for f in fields(Row) if f.name in values}
        row = Row(**{name: v for name, v in shared.items() if v is not None})  # type: ignore[arg-type]
        top_classes = self._restored(values, "")
        return replace(
            row,
            top_classes=top_classes,
            direct=self._restored(values, DIRECT) if self.compare else (),
        )

    @staticmethod
    def _value(kind: type, cell: Cell) -> Cell:
        if kind is str:
            return "" if cell is None else str(cell)
        if cell is None or cell == "":
            return None
        value: Cell = kind(int(cell)) if kind is bool else kind(cell)
        return value

    def _restored(self, values: Mapping[str, Cell], prefix: str) -> tuple[TopClass, ...]:
        top_classes = []
        for k in range(1, self.topk + 1):
            tail = "" if k == 1 else f"_{k}"
            label, index, prob = (values[f"{prefix}{n}{tail}"] for n in ("label", "index", "prob"))
            if isinstance(index, int) and isinstance(prob, float):
                top_classes.append(TopClass(str(label), index, prob))
        return tuple(top_classes)

    def _top_classes(
        self, top_classes: tuple[TopClass, ...], target: int | None, prefix: str
    ) -> dict[str, Cell]:
        cells: dict[str, Cell] = {}
        for k in range(1, self.topk + 1):
            guess = top_classes[k - 1] if k <= len(top_classes) else None
            tail = "" if k == 1 else f"_{k}"
            cells[f"{prefix}label{tail}"] = guess.label if guess else ""
            cells[f"{prefix}index{tail}"] = guess.index if guess else None
            cells[f"{prefix}prob{tail}"] = guess.prob if guess else None
        if self.labels:
            known = bool(top_classes) and target is not None
            cells[f"{prefix}correct"] = top_classes[0].index == target if known else None
        return cells

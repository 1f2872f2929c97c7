"""Running totals of a classify run, in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from afdcli.constants import DAMAGED, FAILED
from afdcli.results.rows import Row
from afdcli.results.writers import Sink
from afdcli.storage.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from afdcli.results.retry import Retry

FIRST_ROWS = 20  # classified rows that are kept to be shown
FIRST_FAILED = 5  # failed rows that are kept to be shown
_DRIFT_BINS = 18_000  # histogram bins of 0.01 degrees, from 0 to 180


@dataclass
class Summary:
    """Counts over the rows of a run.

    Attributes:
        min_prob: see `Columns`; None if no rows are marked as unsure.
        rows: number of rows.
        failed: error code -> number of rows.
        labels: predicted label -> number of rows.
        labelled: classified rows with a true class.
        correct: of the labelled rows, those predicted right (with AFD, unless it is off).
        direct_correct: of the labelled rows, those predicted right without AFD (``--compare``).
        compared: rows with predictions both with and without AFD.
        changed: of the compared rows, those whose class AFD changed.
        unsure: classified rows whose best class is less probable than *min_prob*.
        damaged: classified rows whose file is damaged.
        skipped: kind -> files in folders and archives that get no row, such as text files.
        resumed: rows written by an earlier run.
        seconds: time from the first task to the last row.
        retry: what the list of ``--export-failed`` holds; None without.
        notes: sentences for the user.
        first: the first `FIRST_ROWS` classified rows.
        first_failed: the first `FIRST_FAILED` failed rows.
    """

    min_prob: float | None = None
    rows: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    correct: int = 0
    direct_correct: int = 0
    compared: int = 0
    changed: int = 0
    unsure: int = 0
    damaged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    seconds: float = 0.0
    retry: Retry | None = None
    notes: list[str] = field(default_factory=list)
    first: list[Row] = field(default_factory=list, repr=False)
    first_failed: list[Row] = field(default_factory=list, repr=False)
    _drift: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(_DRIFT_BINS + 1, np.int64), repr=False
    )

    @property
    def failures(self) -> int:
        """Number of failed rows."""
        return self.failed.total()

    @property
    def classified(self) -> int:
        """Number of classified rows."""
        return self.rows - self.failures

    @property
    def done(self) -> int:
        """Number of images that have a row."""
        return self.rows

    @property
    def rate(self) -> float:
        """Rows per second, without resumed rows; 0 before the first row."""
        return (self.rows - self.resumed) / self.seconds if self.seconds else 0.0

    @property
    def median_drift(self) -> float | None:
        """Median drift in degrees, rounded to 0.01; None without an AFD module."""
        total = int(self._drift.sum())
        if not total:
            return None
        middle = np.searchsorted(self._drift.cumsum(), [(total + 1) // 2, total // 2 + 1])
        return float(middle.mean()) / 100

    def add(self, row: Row) -> None:
        """Count *row*."""
        self.rows += 1
        if row.status == FAILED:
            self.failed[row.error] += 1
            if len(self.first_failed) < FIRST_FAILED:
                self.first_failed.append(row)
            return
        if len(self.first) < FIRST_ROWS:
            self.first.append(row)
        self.damaged += row.status == DAMAGED
        best = row.top_classes[0]
        self.labels[best.label] += 1
        self.unsure += self.min_prob is not None and best.prob < self.min_prob
        if row.drift is not None:
            self._drift[min(round(100 * row.drift), _DRIFT_BINS)] += 1
        if row.direct:
            self.compared += 1
            self.changed += row.direct[0].index != best.index
        if row.target is not None:
            self.labelled += 1
            self.correct += best.index == row.target
            self.direct_correct += bool(row.direct) and row.direct[0].index == row.target

    def counts(self) -> dict[str, Any]:
        """The totals as plain data for `RunMetadata.write`."""
        counts: dict[str, Any] = {
            "rows": self.rows,
            "classified": self.classified,
            "failed": dict(self.failed),
            "damaged": self.damaged,
            "skipped": {kind: n for kind, n in sorted(self.skipped.items()) if n},
            "resumed": self.resumed,
            "seconds": round(self.seconds, 2),
            "median_drift_degrees": self.median_drift,
        }
        if self.min_prob is not None:
            counts["unsure"] = self.unsure
        if self.labelled:
            counts |= {"labelled": self.labelled, "correct": self.correct}
        if self.compared:
            counts |= {"compared": self.compared, "changed_label": self.changed}
        if self.labelled and self.compared:
            counts |= {"direct_correct": self.direct_correct}
        return counts


def write_counted(
    rows: Sequence[Row],
    sink: Sink,
    summary: Summary,
    seconds: float,
    on_rows: Callable[[Summary], None],
) -> None:
    """Write *rows* and count them; Ctrl-C comes before both or behind both.

    Calls *on_rows* then. *seconds* are since the first task of the run.

    Raises:
        ResultsError: as `Sink.write`; then they are not counted.
    """
    with uninterrupted():
        sink.write(rows)
        for row in rows:
            summary.add(row)
        summary.seconds = seconds
        on_rows(summary)

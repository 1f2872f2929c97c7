"""A run of the report: one table of results, with the predictions to compare it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from afdcli.report.pictures import Positions
from afdcli.storage.paths import Place

#: Top-1 predictions of one classifier, one row per row of `Run.rows`: ``label`` (text, "" without a
#: prediction), ``prob`` (0 to 1, NaN without one) and ``right`` (1.0 or 0.0, NaN if unknown).
TopClasses = pd.DataFrame

CAREFUL = "careful: "


@dataclass(frozen=True)
class RunFile:
    """A results file that is part of a run.

    Attributes:
        role: "results", "direct" or "clean".
        path: the results file.
        metadata: see `afdcli.results.read.Results`.
    """

    role: str
    path: Place
    metadata: Mapping[str, object]


@dataclass(frozen=True)
class Run:
    """The same pictures, as far as known: without AFD, with AFD, and uncompressed.

    Attributes:
        name: short name, unique among the runs of a report.
        rows: (n rows) see `afdcli.results.read.Results`; index 0 to n-1.
        predictions: those that are known of "direct" (the plain backbone), "afd", "clean" (the
            plain backbone on the same pictures uncompressed) and "clean_afd".
        backbone: name of the classifier, "" if unknown.
        plug: plug point of the AFD module, "stem" or "input"; "" if unknown.
        sources: the files that the run was read from.
        remarks: sentences for the reader; those with `CAREFUL` in front are about differences that
            make comparisons doubtful.
        in_clean: (n,) position of each row in the clean run, -1 if it is not there.
        pictures: (n,) index of each row's source picture, see `source_pictures`.
    """

    name: str
    rows: pd.DataFrame
    predictions: Mapping[str, TopClasses]
    backbone: str = ""
    plug: str = ""
    sources: tuple[RunFile, ...] = ()
    remarks: tuple[str, ...] = ()
    in_clean: Positions | None = None
    pictures: Positions = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    @property
    def direct(self) -> TopClasses | None:
        """Predictions of the plain backbone."""
        return self.predictions.get("direct")

    @property
    def afd(self) -> TopClasses | None:
        """Predictions with AFD."""
        return self.predictions.get("afd")

    @property
    def clean(self) -> TopClasses | None:
        """Predictions of the plain backbone for the pictures uncompressed."""
        return self.predictions.get("clean")

    @property
    def labelled(self) -> bool:
        """True if the true class of any row is known."""
        tables = (self.direct, self.afd)
        return any(p is not None and bool(p["right"].notna().any()) for p in tables)

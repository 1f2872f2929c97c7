"""Feature drifting maps over the classifier's input, on a scale that shows their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Normalize, to_hex
from numpy.typing import NDArray
from PIL import Image

from afdcli.constants import CELL
from afdcli.inspect.axes import COLOURS, overlay
from afdcli.inspect.predict import Drift, Inspection

#: Percentiles of the values at which the colours end: a few extreme cells would hide the others.
PERCENTILES = (2, 98)
_LEAST_RANGE = 0.002  # that the colours span, so that a flat map looks flat
_STOPS = 9  # colours of a legend's gradient


@dataclass(frozen=True)
class MapScale:
    """What the colours of maps mean.

    Attributes:
        low, high: values of the first and the last colour; values beyond take these colours.
        unit: "°" for the drift, "" for the FDM.
    """

    low: float
    high: float
    unit: str

    @classmethod
    def of(cls, drifts: Sequence[Drift]) -> MapScale:
        """The scale for the maps of one or more *drifts*, all with or all without an FDM."""
        values = np.concatenate([map_values(drift).ravel() for drift in drifts])
        low, high = (float(end) for end in np.percentile(values, PERCENTILES))
        room = max(0.0, _LEAST_RANGE - (high - low)) / 2
        return cls(low - room, high + room, "" if drifts[0].fdm is not None else "°")

    @property
    def norm(self) -> Normalize:
        """The scale for matplotlib."""
        return Normalize(self.low, self.high, clip=True)

    @property
    def gradient(self) -> tuple[str, ...]:
        """Its colours from low to high, as ``#rrggbb``."""
        return tuple(to_hex(COLOURS(x)) for x in np.linspace(0, 1, _STOPS))


def map_values(drift: Drift) -> NDArray[np.float32]:
    """The FDM or, for a module without one, the drift in degrees."""
    return drift.angles if drift.fdm is None else drift.fdm


def draw_map(inspection: Inspection, scale: MapScale) -> Image.Image | None:
    """The FDM (or, without one, the drift) over the classifier's input; None without a module."""
    drift, pixels = inspection.drift, inspection.view.pixels
    if drift is None:
        return None
    values = map_values(drift)
    covers = (CELL * values.shape[0], CELL * values.shape[1])
    if drift.fdm is None:
        covers = drift.covers
    elif values.size == 1:  # one gate for the whole picture
        covers = (pixels.shape[0], pixels.shape[1])
    return overlay(pixels, values, covers, scale.norm)

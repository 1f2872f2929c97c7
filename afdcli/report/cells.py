"""Format estimates as cells of tables. An undefined number becomes a dash."""

from __future__ import annotations

import math
from dataclasses import dataclass

from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group
from afdcli.report.table import Cell

DASH = "–"
BAR = 16  # characters


@dataclass(frozen=True)
class Format:
    """How a kind of number is shown, such as ``31.8 % [29.7, 34.0]``.

    Attributes:
        factor: the number is multiplied by this.
        digits: decimals.
        unit: shown behind the number where no heading names it.
        signed: True to show a plus sign.
        interval: True to show the interval.
        graded: True to colour the cell if its interval excludes zero.
    """

    factor: float = 1.0
    digits: int = 0
    unit: str = ""
    signed: bool = False
    interval: bool = False
    graded: bool = False

    def __call__(self, e: Estimate, unit: bool = False) -> Cell:
        """Format *e*, with the unit if *unit* is True."""
        if math.isnan(e.value):
            return Cell(DASH)
        brief = self.number(e.value) + (self.unit if unit else "")
        if not self.interval or math.isnan(e.low):
            return Cell(brief, e.value)
        tone = ("good" if e.low > 0 else "bad" if e.high < 0 else "") if self.graded else ""
        return Cell(
            f"{brief} [{self.number(e.low)}, {self.number(e.high)}]", e.value, tone, brief=brief
        )

    def number(self, value: float) -> str:
        """Format one number, without unit."""
        text = f"{self.factor * value:{'+' if self.signed else ''},.{self.digits}f}"
        return text[1:] if text[0] in "+-" and not text.strip("+-0.") else text


percent = Format(100, 1, " %", interval=True)
whole_percent = Format(100, 0, " %", interval=True)
#: A difference of shares, in percentage points.
points = Format(100, 1, " pts", signed=True, interval=True, graded=True)
#: The same where neither sign is good.
plain_points = Format(100, 1, " pts", signed=True, interval=True)
probability = Format(digits=3)
shift = Format(digits=3, signed=True, interval=True)
whole = Format()
degrees = Format(digits=1, unit="°")


def p_value(e: Estimate, unit: bool = False) -> Cell:
    """A p-value: ``< 0.0001``, or three or four decimals; it never has a unit."""
    p = e.value
    if math.isnan(p):
        return Cell(DASH)
    return Cell("< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}", p)


def drift(group: Group) -> Cell:
    """Median drift and, from four pictures on, its quartiles: ``8.1° (5.2–11.9)``."""
    median = group.get("drift_p50")
    cell = degrees(median, unit=True)
    if median.n < 4:
        return cell
    low, high = group.get("drift_p25").value, group.get("drift_p75").value
    return Cell(f"{cell.text} ({low:.1f}–{high:.1f})", median.value, brief=cell.text)


def size(group: Group) -> Cell:
    """Number of pictures, with a star if there are too few for conclusions."""
    few = group.n < FEW
    return Cell(f"{group.n:,}{'*' if few else ''}", group.n, "few" if few else "")


def bar(group: Group) -> Cell:
    """Accuracy as a bar: the part that both reach, then what AFD gains (good) or loses (bad)."""
    direct, afd = group.get("accuracy_direct").value, group.get("accuracy_afd").value
    if math.isnan(direct) or math.isnan(afd):
        return Cell("")
    one, two = round(BAR * direct), round(BAR * afd)
    both, more = min(one, two), max(one, two)
    tone = "good" if two > one else "bad" if two < one else ""
    return Cell("█" * both + "▓" * (more - both) + "░" * (BAR - more), tone=tone)

"""Format estimates as cells of tables. An undefined number becomes a dash."""

from __future__ import annotations

import math

from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group
from afdcli.report.table import Cell

DASH = "–"
BAR = 16  # characters


def percent(e: Estimate, unit: str = "", digits: int = 1) -> Cell:
    """A share (0 to 1) as a percentage with its interval: ``31.8 [29.7, 34.0]``."""
    if math.isnan(e.value):
        return Cell(DASH)
    brief = f"{100 * e.value:.{digits}f}{unit}"
    interval = f" [{100 * e.low:.{digits}f}, {100 * e.high:.{digits}f}]"
    return Cell(brief + ("" if math.isnan(e.low) else interval), e.value, brief=brief)


def whole_percent(e: Estimate) -> Cell:
    """Like `percent`, without decimals."""
    return percent(e, digits=0)


def points(e: Estimate, unit: str = "") -> Cell:
    """A difference (-1 to 1) in percentage points; coloured if its interval excludes zero."""
    if math.isnan(e.value):
        return Cell(DASH)
    tone = "good" if e.low > 0 else "bad" if e.high < 0 else ""
    brief = _signed(e.value) + unit
    return Cell(f"{brief} [{_signed(e.low)}, {_signed(e.high)}]", e.value, tone, brief)


def plain_points(e: Estimate) -> Cell:
    """Like `points`, but never coloured: neither sign is good."""
    cell = points(e)
    return Cell(cell.text, cell.number, brief=cell.brief)


def _signed(value: float) -> str:
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def p_value(e: Estimate) -> Cell:
    """A p-value: ``< 0.0001``, or three or four decimals."""
    p = e.value
    if math.isnan(p):
        return Cell(DASH)
    return Cell("< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}", p)


def probability(e: Estimate) -> Cell:
    """A mean probability: ``0.512``."""
    return Cell(DASH) if math.isnan(e.value) else Cell(f"{e.value:.3f}", e.value)


def shift(e: Estimate) -> Cell:
    """A mean difference of probabilities: ``+0.020 [+0.011, +0.029]``."""
    if math.isnan(e.value):
        return Cell(DASH)
    interval = "" if math.isnan(e.low) else f" [{e.low:+.3f}, {e.high:+.3f}]"
    return Cell(f"{e.value:+.3f}{interval}", e.value)


def whole(e: Estimate) -> Cell:
    """A count: ``1,234``."""
    return Cell(DASH) if math.isnan(e.value) else Cell(f"{e.value:,.0f}", e.value)


def degrees(e: Estimate) -> Cell:
    """An angle in degrees: ``8.1°``."""
    return Cell(DASH) if math.isnan(e.value) else Cell(f"{e.value:.1f}°", e.value)


def drift(group: Group) -> Cell:
    """Median drift and, from four pictures on, its quartiles: ``8.1° (5.2–11.9)``."""
    median = group.get("drift_p50")
    if median.n < 4:
        return degrees(median)
    low, high = group.get("drift_p25").value, group.get("drift_p75").value
    return Cell(f"{median.value:.1f}° ({low:.1f}–{high:.1f})", median.value)


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

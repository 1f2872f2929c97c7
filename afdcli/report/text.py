"""Numbers and foreign strings as they stand in tables."""

from __future__ import annotations

import math

from rich.text import Text

from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group

DASH = "–"


def percent(e: Estimate, interval: bool = True, *, digits: int = 1, unit: str = "") -> str:
    """A share in per cent with its interval: ``31.8 [29.7, 34.0]``."""
    if math.isnan(e.value):
        return DASH
    text = f"{100 * e.value:.{digits}f}{unit}"
    if not interval or math.isnan(e.low):
        return text
    return f"{text} [{100 * e.low:.{digits}f}, {100 * e.high:.{digits}f}]"


def points(e: Estimate, interval: bool = True, *, unit: str = "") -> Text:
    """A difference in percentage points, coloured where its interval excludes zero."""
    if math.isnan(e.value):
        return Text(DASH)
    text = _signed(e.value) + unit
    if interval:
        text += f" [{_signed(e.low)}, {_signed(e.high)}]"
    return Text(text, style="green" if e.low > 0 else "red" if e.high < 0 else "")


def _signed(value: float) -> str:
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def p_value(p: float) -> str:
    """``< 0.0001`` or three digits."""
    if math.isnan(p):
        return DASH
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def probability(e: Estimate) -> str:
    """A mean probability: ``0.512``."""
    return DASH if math.isnan(e.value) else f"{e.value:.3f}"


def shift(e: Estimate) -> str:
    """A mean difference of probabilities: ``+0.020 [+0.011, +0.029]``."""
    if math.isnan(e.value):
        return DASH
    if math.isnan(e.low):
        return f"{e.value:+.3f}"
    return f"{e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}]"


def drift(group: Group) -> str:
    """Median drift and, of four pictures or more, its middle half: ``8.1° (5.2–11.9)``."""
    median = group.get("drift_p50").value
    if math.isnan(median):
        return DASH
    if group.get("drift_p50").n < 4:
        return f"{median:.1f}°"
    low, high = group.get("drift_p25").value, group.get("drift_p75").value
    return f"{median:.1f}° ({low:.1f}–{high:.1f})"


def count(group: Group) -> Text:
    """The group's pictures, marked with a star where they are too few to say anything."""
    few = group.n < FEW
    return Text(f"{group.n:,}{'*' if few else ''}", style="yellow" if few else "")


def bar(direct: Estimate, afd: Estimate, width: int) -> Text:
    """Accuracy as a bar: what both have, then what AFD adds (green) or takes (red)."""
    if math.isnan(direct.value) or math.isnan(afd.value):
        return Text("")
    one, two = round(width * direct.value), round(width * afd.value)
    both, more = min(one, two), max(one, two)
    return Text.assemble(
        ("█" * both, "blue"),
        ("▓" * (more - both), "green" if two > one else "red"),
        ("░" * (width - more), "dim"),
    )

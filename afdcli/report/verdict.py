"""The verdict of a report: whether AFD helped, in a sentence, and what is behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from afdcli.report import cells
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group, Report
from afdcli.report.table import Cell

#: Shares that have a name, and how far from one a share may be to be called so.
_FRACTIONS = {0.1: "a tenth", 0.2: "a fifth", 0.25: "a quarter", 1 / 3: "a third", 0.5: "half",
              2 / 3: "two thirds", 0.75: "three quarters", 1.0: "all"}  # fmt: skip
_NEAR = 0.02


@dataclass(frozen=True)
class Verdict:
    """Whether AFD helped.

    Attributes:
        text: one sentence, such as "40.1 → 50.3 % (a third of what was lost)".
        remarks: what was counted, how sure it is, and what is not known.
    """

    text: Cell
    remarks: tuple[str, ...] = ()


def verdict(report: Report) -> Verdict:
    """Say whether AFD helped in the run of *report*."""
    group = report.overall
    if not group.views:
        return Verdict(Cell("Every file failed: there are no predictions", tone="bad"))
    if group.get("accuracy_difference").n:
        return _gain(group)
    for metric, name in (("accuracy_afd", "with AFD"), ("accuracy_direct", "without AFD")):
        e = group.get(metric)
        if e.n:
            text = f"{100 * e.value:.1f} % correct {name}"
            return Verdict(Cell(text), (f"Top-1 accuracy {_of(e)}; {_interval(e)}.", _ALONE))
    return _unlabelled(group)


_ALONE = "Nothing to compare: there are predictions with AFD only, or without AFD only."


def _gain(group: Group) -> Verdict:
    gain = group.get("accuracy_difference")
    before, after = (100 * group.get(f"accuracy_{name}").value for name in ("direct", "afd"))
    amount = f"{cells.points.number(gain.value)} points"
    share, cost = group.get("recovered_share"), group.get("compression_cost")
    tone = "good" if gain.low > 0 else "bad" if gain.high < 0 else ""
    if gain.n < FEW:
        how, tone = f"{gain.n} labelled pictures are too few to tell whether AFD helps", ""
    elif tone == "good":
        how = amount if math.isnan(share.value) else f"{share_words(share.value)} of what was lost"
    else:
        how = f"AFD costs {-100 * gain.value:.1f} points" if tone else "no clear effect of AFD"
    remarks = [
        f"Top-1 accuracy without → with AFD, {_of(gain)}. "
        f"Difference {amount}; {_interval(gain, signed=True)}."
    ]
    if not cost.n:
        remarks.append("What compression cost is not known: that needs a clean run (--clean).")
    elif math.isnan(share.value):
        remarks.append("Compression cost nothing here, so there was nothing to recover.")
    else:
        subset = "" if share.views == gain.views else f" (known for {share.views:,} files)"
        remarks.append(
            f"Recovered: {100 * share.value:.0f} % of the {100 * cost.value:.1f} points that "
            f"compression cost{subset}; {_interval(share)}."
        )
    return Verdict(Cell(f"{before:.1f} → {after:.1f} % ({how})", tone=tone), tuple(remarks))


def _unlabelled(group: Group) -> Verdict:
    changed, agreement = group.get("changed"), group.get("agreement_difference")
    unknown = "Whether for the better is unknown without true classes (afd classify --labels)."
    if agreement.n:
        before, after = (100 * group.get(f"agreement_{name}").value for name in ("direct", "afd"))
        amount = cells.points.number(agreement.value)
        remark = (
            f"Same class as for the clean picture, without → with AFD, {_of(agreement)}. "
            f"Difference {amount} points; {_interval(agreement, signed=True)}."
        )
        return Verdict(Cell(f"{before:.1f} → {after:.1f} % as clean"), (remark, unknown))
    if not changed.n:
        return Verdict(Cell(f"{group.views:,} files classified"), (_ALONE,))
    text = f"AFD changes {100 * changed.value:.1f} % of the predictions"
    return Verdict(Cell(text), (f"{_of(changed).capitalize()}; {_interval(changed)}.", unknown))


def share_words(share: float) -> str:
    """A share in words, "a third", if it is close to a simple fraction; else in percent."""
    near = min(_FRACTIONS, key=lambda fraction: abs(fraction - share))
    if share > 1 + _NEAR:
        return "more than all"
    return _FRACTIONS[near] if abs(near - share) <= _NEAR else f"{100 * share:.0f} %"


def _of(e: Estimate) -> str:
    views = f", views of {e.n:,} pictures" if e.n != e.views else ""
    return f"of {e.views:,} file{'s' if e.views > 1 else ''}{views}"


def _interval(e: Estimate, signed: bool = False) -> str:
    if math.isnan(e.low):
        return "too uncertain for an interval"
    show = cells.points if signed else cells.percent
    return f"95 % interval {show.number(e.low)} to {show.number(e.high)}"

"""Which columns a table of groups has, and how wide they may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from afdcli.report import text
from afdcli.report.sheet import Layout
from afdcli.report.stats import Estimate
from afdcli.report.summary import Group

BAR = 24

Column = tuple[str, list[Text]]


def group_columns(groups: Sequence[Group], layout: Layout) -> list[Column]:
    """Columns behind the groups' names, as far as these groups have numbers for them.

    On a narrow screen with a clean run, the gain stands there without its interval.
    """
    table = _Table(groups)
    table.add("n", text.count)
    if layout.wide and any(group.get("failed").value > 0 for group in groups):
        table.add("failed", lambda group: Text(f"{group.get('failed').value:,.0f}"))
    if table.knows("accuracy_direct") or table.knows("accuracy_afd"):
        _accuracies(table, layout)
        if table.knows("recovered_share"):
            table.estimate("Recovered %", "recovered_share", _whole_percent)
        if layout.bars and layout.wide and table.knows("accuracy_difference"):
            width = BAR // 2 if table.knows("recovered_share") else BAR
            table.add("0 … 100 %", lambda group: _bar(group, width))
    else:
        table.estimate("Direct conf.", "confidence_direct", text.probability)
        table.estimate("AFD conf.", "confidence_afd", text.probability)
        table.estimate("Changed %", "changed", text.percent)
        if table.knows("drift_p50"):
            table.add("Drift", lambda group: Text(text.drift(group)))
    return table.columns


def clean_columns(groups: Sequence[Group]) -> list[Column]:
    """Columns that compare with the clean run, every interval included."""
    table = _Table(groups)
    table.estimate("Clean %", "accuracy_clean", text.percent)
    table.estimate("Cost", "compression_cost", lambda e: text.points(e).plain)
    table.estimate("Recovered %", "recovered_share", _whole_percent)
    return table.columns


class _Table:
    """Columns being collected for some groups."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        self.columns: list[Column] = []

    def knows(self, metric: str) -> bool:
        return any(metric in group.estimates for group in self.groups)

    def add(self, name: str, cell: Callable[[Group], Text]) -> None:
        self.columns.append((name, [cell(group) for group in self.groups]))

    def estimate(self, name: str, metric: str, show: Callable[[Estimate], str]) -> None:
        if self.knows(metric):
            self.add(name, lambda group: Text(show(group.get(metric))))


def _accuracies(table: _Table, layout: Layout) -> None:
    room = layout.wide or not table.knows("recovered_share")
    table.estimate("Direct %", "accuracy_direct", text.percent)
    table.estimate("With AFD %", "accuracy_afd", text.percent)
    if table.knows("accuracy_difference"):
        name = "Difference" if room else "Gain"
        table.add(name, lambda group: text.points(group.get("accuracy_difference"), room))
    if layout.wide and table.knows("mcnemar_p"):
        table.add("p", lambda group: Text(text.p_value(group.get("mcnemar_p").value)))
    if room:
        table.estimate("Clean %", "accuracy_clean", lambda e: text.percent(e, interval=False))


def _whole_percent(e: Estimate) -> str:
    return text.percent(e, digits=0)


def _bar(group: Group, width: int) -> Text:
    return text.bar(group.get("accuracy_direct"), group.get("accuracy_afd"), width)

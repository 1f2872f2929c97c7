"""What ``afd report`` prints of runs in which every file failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from afdcli.cli.after import show_failed, show_next
from afdcli.cli.console import reasons
from afdcli.results.summary import FIRST_FAILED
from afdcli.storage.text import clean

if TYPE_CHECKING:
    from afdcli.report.runs import Run
    from afdcli.report.summary import Report


def show_all_failed(screen: Console, runs: Sequence[Run], reports: Sequence[Report]) -> None:
    """Say that everything failed, and why: reasons with their counts, and the first files."""
    for run, report in zip(runs, reports, strict=True):
        count = int(report.overall.get("files").n)
        who = "the only file" if count == 1 else f"all {count:,} files"
        counts = Counter({clean(why) or "no reason given": n for why, n in report.failures.items()})
        text = f"{clean(run.name)}: {who} failed ({reasons(counts)}); there is nothing to report"
        screen.print(Text(text, style="bold"))
        rows = run.rows.head(FIRST_FAILED).reindex(columns=["path", "error", "note"], fill_value="")
        cells = ([clean(str(cell)) for cell in row] for row in rows.to_numpy())
        first = [(path, error, note) for path, error, note in cells]
        show_failed(screen, first, count, run.sources[0].path)
        for remark in report.remarks:
            screen.print(Text(clean(remark), style="dim"))
    show_next(screen, "afd", "report", runs[0].sources[0].path, "--export-failed", "failed.txt")

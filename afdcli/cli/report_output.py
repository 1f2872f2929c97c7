"""What ``afd report`` prints and writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from afdcli.cli import console
from afdcli.cli.command import command_line
from afdcli.results.summary import FIRST_FAILED
from afdcli.storage.text import clean
from afdcli.storage.writable import save

if TYPE_CHECKING:
    from afdcli.report.runs import Run
    from afdcli.report.summary import Report
    from afdcli.report.table import Table


@dataclass(frozen=True)
class View:
    """Reports, and which parts of them to show.

    Attributes:
        columns: breakdowns shown as tables, which the user may have *asked* for; the summary also
            has those of the page.
        everything: show all groups and changes.
    """

    reports: list[Report]
    columns: tuple[str, ...]
    everything: bool
    asked: bool

    @property
    def remarks(self) -> list[str]:
        """Remarks of all reports, each once."""
        return list(dict.fromkeys(clean(r) for report in self.reports for r in report.remarks))

    def tables(self) -> list[Table]:
        """What to show."""
        from afdcli.report.headline import report_tables

        shown = [replace(r, groups={by: r.groups[by] for by in self.columns}) for r in self.reports]
        return report_tables(shown, self.everything, self.asked)

    def text(self, form: str) -> str:
        """The report in any format but "table"."""
        from afdcli.report import render
        from afdcli.report.summary import tidy

        if form == "markdown":
            return render.to_markdown(self.tables(), self.remarks)
        numbers = tidy(self.reports, self.everything)
        if form == "csv":
            return render.to_csv(numbers)
        return render.to_json(numbers, self.remarks)


def show_all_failed(runs: Sequence[Run], reports: Sequence[Report]) -> None:
    """Say that everything failed, and why: reasons with their counts, and the first files."""
    screen = console.out()
    for run, report in zip(runs, reports, strict=True):
        count = int(report.overall.get("files").n)
        who = "the only file" if count == 1 else f"all {count:,} files"
        counts = Counter({clean(why) or "no reason given": n for why, n in report.failures.items()})
        why = console.reasons(counts)
        text = f"{clean(run.name)}: {who} failed ({why}); there is nothing to report"
        screen.print(Text(text, style="bold"))
        rows = run.rows.head(FIRST_FAILED).reindex(columns=["path", "error", "note"], fill_value="")
        cells = ([clean(str(cell)) for cell in row] for row in rows.to_numpy())
        first = [(path, error, note) for path, error, note in cells]
        console.show_failed(screen, first, count, run.sources[0].path)
        for remark in report.remarks:
            screen.print(Text(clean(remark), style="dim"))


def write_page(
    html: Path,
    runs: Sequence[Run],
    reports: Sequence[Report],
    remarks: Sequence[str],
    photos: Path | None,
    maps: bool,
) -> None:
    """Write the page; a bar counts its pictures. Raises AfdError if it cannot be made."""
    from afdcli.cli.live import counting
    from afdcli.report.html.page import render_page

    if maps:
        console.say_loading(", ".join(dict.fromkeys(run.backbone for run in runs)))
    shown = counting(console.err(), "pictures") if photos is not None else nullcontext()
    with shown as on_picture:
        page = render_page(
            runs,
            reports,
            command=command_line(),
            remarks=remarks,
            photos=photos,
            maps=maps,
            on_picture=on_picture or (lambda *_: None),
        )
    save(html, page.encode())

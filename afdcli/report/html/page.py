"""The page: everything that a report says, in one file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path

import afdcli
from afdcli.report.group_table import all_numbers
from afdcli.report.headline import headline
from afdcli.report.html import topics
from afdcli.report.html.changed import changed
from afdcli.report.html.provenance import origins
from afdcli.report.render import to_csv, to_html
from afdcli.report.runs import Run
from afdcli.report.summary import FEW, Report, tidy
from afdcli.storage.text import clean

#: Bytes of the summary up to which the page carries it along.
_CARRIED = 2_000_000


def page_columns(runs: Sequence[Run]) -> tuple[str, ...]:
    """Columns that *runs* must be summarised by for `render_page`, its class column last."""
    columns = [name for name in ("quality", "drift") if all(name in run.rows for run in runs)]
    true = all(run.labelled and "target_label" in run.rows for run in runs)
    return (*columns, "target_label" if true else "label")


def render_page(
    runs: Sequence[Run],
    reports: Sequence[Report],
    *,
    command: str,
    remarks: Sequence[str] = (),
    photos: Path | None = None,
    maps: bool = False,
) -> str:
    """The page about *runs*.

    Args:
        runs: one or more.
        reports: of each of *runs*, in order, by `page_columns` at least.
        command: that makes this page.
        remarks: sentences for the reader.
        photos: folder in which the paths of the results are found; None for no thumbnails.
        maps: draw feature drifting maps, too: loads each run's classifier and module again.

    Raises:
        AfdError: *maps* are asked for, and a classifier or module cannot be loaded.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["table"] = to_html
    script = _file("sort.js")
    names = ", ".join(clean(report.name) for report in reports)
    return environment.get_template("page.html").render(
        **_topics(reports, page_columns(runs)[-1]),
        title=f"AFD report: {names}",
        changed=changed(runs, photos, maps),
        origins=origins(runs),
        warnings=list(dict.fromkeys(clean(text) for run in runs for text in run.warnings)),
        command=clean(command),
        remarks=remarks,
        summary=_carried(reports),
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        version=afdcli.__version__,
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def _topics(reports: Sequence[Report], classes: str) -> dict[str, object]:
    """What the template draws of the reports alone; *classes* is the column of classes."""
    drawer = topics.Drawer(several=len(reports) > 1)
    return {
        "heads": [(headline(report), *_verdict(report)) for report in reports],
        "overview": all_numbers(reports),
        "plots": [
            topics.quality(reports, drawer),
            topics.drift(reports, drawer),
            topics.calibration(reports, drawer),
        ],
        "classes": topics.classes(reports, classes),
        "after": [topics.failures(reports), topics.collection(reports, drawer)],
    }


def _file(name: str) -> str:
    """The text of a file that lies beside this one."""
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _carried(reports: Sequence[Report]) -> str:
    """The summary as a data: URI, "" where it is too large to carry along."""
    data = to_csv(tidy(reports)).encode("utf-8")
    if len(data) > _CARRIED:
        return ""
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(data).decode("ascii")


def _verdict(report: Report) -> tuple[str, str]:
    """One sentence on whether AFD helped, and its tone."""
    if not report.overall.views:
        return "Every file failed: there is no answer to report.", "bad"
    gain = report.overall.get("accuracy_difference")
    if not gain.n:
        return _unlabelled_verdict(report), ""
    if gain.n < FEW:
        return f"{gain.n} labelled pictures are too few to say whether AFD helps.", ""
    size = f"{abs(100 * gain.value):.1f} points"
    if gain.low > 0:
        return f"AFD wins {size} of accuracy.", "good"
    if gain.high < 0:
        return f"AFD costs {size} of accuracy.", "bad"
    return "Whether AFD helps cannot be told: the interval of the difference includes zero.", ""


def _unlabelled_verdict(report: Report) -> str:
    changed = report.overall.get("changed")
    if not changed.n:
        return "There are answers with AFD only, or without it only: nothing to compare."
    return (
        f"AFD changes {100 * changed.value:.1f} % of the answers. Without true classes nobody can "
        "say whether for the better."
    )

"""The HTML page of a report: one file that loads no other."""

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
from afdcli.report.html import sections
from afdcli.report.html.changed import changed
from afdcli.report.html.provenance import origins
from afdcli.report.render import to_csv, to_html
from afdcli.report.runs import Run
from afdcli.report.summary import FEW, Report, tidy
from afdcli.storage.text import clean

#: Largest summary, in bytes, that the page includes.
_MAX_SUMMARY = 2_000_000


def page_columns(runs: Sequence[Run]) -> tuple[str, ...]:
    """Columns by which *runs* must be grouped for `render_page`; the column of classes is last."""
    columns = [name for name in ("quality", "drift") if all(name in run.rows for run in runs)]
    labelled = all(run.labelled and "target_label" in run.rows for run in runs)
    return (*columns, "target_label" if labelled else "label")


def render_page(
    runs: Sequence[Run],
    reports: Sequence[Report],
    *,
    command: str,
    remarks: Sequence[str] = (),
    photos: Path | None = None,
    maps: bool = False,
) -> str:
    """Return the HTML page about *runs*.

    Args:
        runs: one or more.
        reports: the report of each run, in order, grouped at least by `page_columns`.
        command: the command that makes this page, to be shown.
        remarks: sentences for the reader.
        photos: folder that was classified; None for a page without thumbnails.
        maps: True to draw feature drifting maps, for which each run's classifier and module are
            loaded again.

    Raises:
        AfdError: *maps* is True, and a classifier or module cannot be loaded.
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
        **_sections(reports, page_columns(runs)[-1]),
        title=f"AFD report: {names}",
        changed=changed(runs, photos, maps),
        origins=origins(runs),
        warnings=list(dict.fromkeys(clean(text) for run in runs for text in run.warnings)),
        command=clean(command),
        remarks=remarks,
        summary=_summary_uri(reports),
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        version=afdcli.__version__,
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def _sections(reports: Sequence[Report], classes: str) -> dict[str, object]:
    """Variables of the template that depend on the reports only."""
    plotter = sections.Plotter(several=len(reports) > 1)
    return {
        "heads": [(headline(report), *_verdict(report)) for report in reports],
        "overview": all_numbers(reports),
        "plots": [
            sections.quality(reports, plotter),
            sections.drift(reports, plotter),
            sections.calibration(reports, plotter),
        ],
        "classes": sections.classes(reports, classes),
        "after": [sections.failures(reports), sections.collection(reports, plotter)],
    }


def _file(name: str) -> str:
    """Text of a file in this package."""
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _summary_uri(reports: Sequence[Report]) -> str:
    """The summary as a data: URI, "" if it is too large."""
    data = to_csv(tidy(reports)).encode("utf-8")
    if len(data) > _MAX_SUMMARY:
        return ""
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(data).decode("ascii")


def _verdict(report: Report) -> tuple[str, str]:
    """A sentence on whether AFD helped, and its tone, see `Cell`."""
    if not report.overall.views:
        return "Every file failed: there are no predictions to report.", "bad"
    gain = report.overall.get("accuracy_difference")
    if not gain.n:
        return _unlabelled_verdict(report), ""
    if gain.n < FEW:
        return f"{gain.n} labelled pictures are too few to tell whether AFD helps.", ""
    size = f"{abs(100 * gain.value):.1f} points"
    if gain.low > 0:
        return f"AFD gains {size} of accuracy.", "good"
    if gain.high < 0:
        return f"AFD costs {size} of accuracy.", "bad"
    return "No clear effect of AFD: the interval of the difference includes zero.", ""


def _unlabelled_verdict(report: Report) -> str:
    changed = report.overall.get("changed")
    if not changed.n:
        return "Nothing to compare: there are predictions with AFD only, or without AFD only."
    return (
        f"AFD changes {100 * changed.value:.1f} % of the predictions. Whether for the better is "
        "unknown without true classes."
    )

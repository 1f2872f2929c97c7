"""The HTML page of a report: one file that loads no other."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path

from markupsafe import Markup, escape

import afdcli
from afdcli.constants import WORDS
from afdcli.report.group_table import all_numbers, labelled
from afdcli.report.headline import headline
from afdcli.report.html import sections
from afdcli.report.html.changed import changed
from afdcli.report.html.images import OnPicture
from afdcli.report.html.provenance import origins
from afdcli.report.render import to_csv, to_html
from afdcli.report.runs import Run
from afdcli.report.summary import FEW, Report, tidy
from afdcli.report.verdict import verdict
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
    on_picture: OnPicture = lambda *_: None,
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
        on_picture: called with how many thumbnails and maps of a run are done, and how many it has.

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
    environment.filters["breakable"] = breakable
    return environment.get_template("page.html").render(
        heads=[(headline(report), verdict(report).remarks) for report in reports],
        words=_words(reports, maps),
        overview=all_numbers(reports),
        sections=_sections(reports, page_columns(runs)),
        title=f"AFD report: {names}",
        changed=changed(runs, photos, maps, on_picture)
        if any(r.overall.views for r in reports)
        else [],
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


def _sections(reports: Sequence[Report], columns: tuple[str, ...]) -> dict[str, object]:
    """Sections before and behind the pictures that changed; empty ones are left out."""
    plotter = sections.Plotter(several=len(reports) > 1)
    others = [by for by in reports[0].groups if by not in columns]
    groups = {
        "first": [sections.folders(reports, others)],
        "plots": [
            sections.quality(reports, plotter),
            sections.drift(reports, plotter),
            sections.calibration(reports, plotter),
        ],
        "classes": [sections.classes(reports, columns[-1])],
        "last": [sections.failures(reports), sections.collection(reports, plotter)],
    }
    return {name: list(filter(None, found)) for name, found in groups.items()}


def _words(reports: Sequence[Report], maps: bool) -> list[tuple[str, str]]:
    """The words and signs that the page uses, and what they mean."""
    known = {name for r in reports for name, e in r.overall.estimates.items() if e.n}
    if not any(report.overall.views for report in reports):
        return []
    views = any(report.overall.views != report.overall.n for report in reports)
    words = [
        ("changed" in known, "direct, with AFD", "the plain classifier; the same with AFD added"),
        (
            bool(known & {"accuracy_clean", "agreement_direct"}),
            "clean",
            "the same pictures, uncompressed, classified without AFD",
        ),
        (True, "50.0 [45.1, 54.9]", "a number and its 95 % interval"),
        ("accuracy_difference" in known, "points, pts", "percentage points"),
        (
            "recovered_share" in known,
            "recovered",
            "share of the lost accuracy that comes back: (with AFD − direct) / (clean − direct)",
        ),
        (
            not any(map(labelled, reports)),
            "confidence",
            "probability of the top class; how sure the classifier is, not how right",
        ),
        (views, "views", "copies of one picture; intervals and tests count pictures, not views"),
        (True, "* or hollow marker", f"fewer than {FEW} pictures: too few for conclusions"),
        (any(r.about.endswith("stem") for r in reports), "stem", WORDS["stem"]),
        ("drift_p50" in known, "drift", WORDS["drift"]),
        (maps, "FDM", WORDS["FDM"]),
    ]
    return [(word, meaning) for used, word, meaning in words if used]


_SUFFIX = re.compile(r"((?<=\w)(?:\.[A-Za-z][A-Za-z0-9]{0,11}){1,2}(?![\w.]))")


def breakable(text: str) -> Markup:
    """Escape *text*, whose file names may break behind / and _, but not inside a suffix."""
    made = ""
    for i, part in enumerate(_SUFFIX.split(text)):
        safe = str(escape(part))
        if i % 2:
            made += f'<span class="suffix">{safe}</span>'
        else:
            made += re.sub(r"([/_])(?=\w)", r"\1<wbr>", safe)
    return Markup(made)


def _file(name: str) -> str:
    """Text of a file in this package."""
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _summary_uri(reports: Sequence[Report]) -> str:
    """The summary as a data: URI, "" if it is too large."""
    data = to_csv(tidy(reports)).encode("utf-8")
    if len(data) > _MAX_SUMMARY:
        return ""
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(data).decode("ascii")

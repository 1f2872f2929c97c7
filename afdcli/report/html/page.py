"""The HTML page of a report: one file that loads no other."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from markupsafe import Markup, escape

from afdcli.constants import WORDS
from afdcli.report.estimates import FEW
from afdcli.report.headline import headline, verdict
from afdcli.report.html.changed import changed
from afdcli.report.html.images import OnPicture
from afdcli.report.html.sections import sections
from afdcli.report.render import templates, to_csv
from afdcli.report.runs import CAREFUL, Run
from afdcli.report.summary import Report, tidy
from afdcli.report.tables import all_numbers, labelled
from afdcli.results.metadata import metadata_part
from afdcli.storage.text import clean
from afdcli.version import __version__

#: Largest summary, in bytes, that the page includes.
_MAX_SUMMARY = 2_000_000
_ROLES = {"results": "Results", "direct": "Without AFD", "clean": "Clean pictures"}


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
    """The HTML page about *runs*.

    Args:
        reports: the report of each run, in order, grouped at least by `page_columns`.
        command: the command that makes this page, to be shown.
        photos: folder that was classified; None for a page without thumbnails.
        maps: True to draw feature drifting maps, for which each run's classifier and module are
            loaded again.
        on_picture: called with how many thumbnails and maps of a run are done, and how many it has.

    Raises:
        AfdError: *maps* is True, and a classifier or module cannot be loaded.
    """
    environment = templates()
    environment.filters["breakable"] = breakable
    page = environment.get_template("page.html")
    assert environment.loader is not None
    script, _, _ = environment.loader.get_source(environment, "sort.js")
    names = ", ".join(clean(report.name) for report in reports)
    answers = any(report.overall.views for report in reports)
    compared = any(run.direct is not None and run.afd is not None for run in runs)
    sources = {(source.role, source.path): source for run in runs for source in run.sources}
    return page.render(
        heads=[(headline(report), verdict(report)[1]) for report in reports],
        words=_words(reports, maps) if answers else [],
        overview=all_numbers(reports),
        sections=sections(reports, page_columns(runs)),
        title=f"AFD report: {names}",
        changed=changed(runs, photos, maps, on_picture) if answers and compared else [],
        origins=[
            (f"{_ROLES[role]}: {clean(str(path))}", dict(_facts(source.metadata)))
            for (role, path), source in sources.items()
        ],
        warnings=[remark for remark in remarks if remark.startswith(CAREFUL)],
        command=clean(command),
        remarks=remarks,
        summary=_summary_uri(reports),
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def _words(reports: Sequence[Report], maps: bool) -> list[tuple[str, str]]:
    known = {name for r in reports for name, e in r.overall.estimates.items() if e.n}
    clean_run = bool(known & {"accuracy_clean", "agreement_direct"})
    views = any(report.overall.views != report.overall.n for report in reports)
    stem = any(report.about.endswith("stem") for report in reports)
    recovered = "share of the lost accuracy that comes back: (with AFD − direct) / (clean − direct)"
    confidence = "probability of the label; how sure the classifier is, not how right"
    copies = "copies of one picture; intervals and tests count pictures, not views"
    words = [
        ("changed" in known, "direct, with AFD", "the plain classifier; the same with AFD added"),
        (clean_run, "clean", "the same pictures, uncompressed, classified without AFD"),
        (True, "50.0 [45.1, 54.9]", "a number and its 95 % interval"),
        ("accuracy_difference" in known, "points, pts", "percentage points"),
        ("recovered_share" in known, "recovered", recovered),
        (not any(map(labelled, reports)), "confidence", confidence),
        (views, "views", copies),
        (True, "* or hollow marker", f"fewer than {FEW} pictures: too few for conclusions"),
        (stem, "stem", WORDS["stem"]),
        ("drift_p50" in known, "drift", WORDS["drift"]),
        (maps, "FDM", WORDS["FDM"]),
    ]
    return [(word, meaning) for used, word, meaning in words if used]


def _facts(known: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The main facts in the metadata of a results file, by name."""
    backbone, module = metadata_part(known, "backbone"), metadata_part(known, "afd")
    versions = (f"{name} {v}" for name, v in metadata_part(known, "versions").items())
    for name, between, values in (
        ("run", ", ", map(known.get, ("started", "ended", "status"))),
        ("classifier", ", from ", map(backbone.get, ("name", "origin"))),
        ("AFD module", ", ", map(module.get, ("plug", "where", "path"))),
        ("SHA-256 of the module", "", [module.get("sha256")]),
        ("machine", ", ", map(known.get, ("device", "precision"))),
        ("versions", ", ", versions),
        ("command", "", [known.get("command")]),
    ):
        if text := between.join(str(value) for value in values if value):
            yield name, clean(text)
    if known:
        yield "metadata", json.dumps(known, indent=1, default=str)


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


def _summary_uri(reports: Sequence[Report]) -> str:
    """The summary as a data: URI, "" if it is too large."""
    data = to_csv(tidy(reports)).encode("utf-8")
    if len(data) > _MAX_SUMMARY:
        return ""
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(data).decode("ascii")

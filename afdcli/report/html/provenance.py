"""Where the numbers come from: files, classifier, module, versions, commands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from afdcli.report.runs import Run, Source
from afdcli.storage.text import clean

_NAMES = {"results": "Results", "direct": "Without AFD", "clean": "Clean pictures"}


@dataclass(frozen=True)
class Origin:
    """One results file.

    Attributes:
        title: what it is, and its path.
        facts: names and values.
        command: that made it, "" if unknown.
        metadata: all that its metadata say, as JSON; "" without any.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    command: str
    metadata: str


def origins(runs: Sequence[Run]) -> list[Origin]:
    """The files that *runs* were read from, each once."""
    sources = {(source.role, source.path): source for run in runs for source in run.sources}
    return [_origin(source) for source in sources.values()]


def _origin(source: Source) -> Origin:
    known = source.metadata
    title = f"{_NAMES[source.role]}: {clean(str(source.path))}"
    return Origin(
        title=title,
        facts=tuple(_facts(known)),
        command=clean(str(known.get("command", ""))),
        metadata=json.dumps(known, indent=1, default=str) if known else "",
    )


def _facts(known: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in (
        ("run", _joined(known, ("started", "ended", "status"), ", ")),
        ("classifier", _joined(known.get("backbone"), ("name", "origin"), ", from ")),
        ("AFD module", _joined(known.get("afd"), ("plug", "where", "path"), ", ")),
        ("SHA-256 of the module", _joined(known.get("afd"), ("sha256",), "")),
        ("machine", _joined(known, ("device", "precision"), ", ")),
    ):
        if value:
            yield name, value
    versions = known.get("versions")
    if isinstance(versions, dict):
        yield "versions", clean(", ".join(f"{name} {v}" for name, v in versions.items()))


def _joined(part: object, names: Sequence[str], between: str) -> str:
    """Those of *names* that *part* knows; metadata may hold anything, as anybody may edit them."""
    if not isinstance(part, dict):
        return ""
    return clean(between.join(str(part[name]) for name in names if part.get(name)))

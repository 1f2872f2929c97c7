"""Provenance of the numbers: files, classifier, module, versions and commands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from afdcli.report.runs import Run, Source
from afdcli.results.metadata import metadata_part
from afdcli.storage.text import clean

_NAMES = {"results": "Results", "direct": "Without AFD", "clean": "Clean pictures"}


@dataclass(frozen=True)
class Origin:
    """One results file.

    Attributes:
        title: role of the file, and its path.
        facts: (name, value) of the main facts.
        command: command that made it, "" if unknown.
        metadata: all metadata as JSON; "" without metadata.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    command: str
    metadata: str


def origins(runs: Sequence[Run]) -> list[Origin]:
    """List the files that *runs* were read from, each once."""
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
        ("classifier", _joined(metadata_part(known, "backbone"), ("name", "origin"), ", from ")),
        ("AFD module", _joined(metadata_part(known, "afd"), ("plug", "where", "path"), ", ")),
        ("SHA-256 of the module", _joined(metadata_part(known, "afd"), ("sha256",), "")),
        ("machine", _joined(known, ("device", "precision"), ", ")),
    ):
        if value:
            yield name, value
    if versions := metadata_part(known, "versions"):
        yield "versions", clean(", ".join(f"{name} {v}" for name, v in versions.items()))


def _joined(part: Mapping[str, object], names: Sequence[str], between: str) -> str:
    """Join those of *names* that *part* has a value for."""
    return clean(between.join(str(part[name]) for name in names if part.get(name)))

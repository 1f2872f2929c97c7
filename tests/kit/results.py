"""Results files as `afd classify` leaves them, with answers that a test chooses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from afdcli.constants import FAILED
from afdcli.results.metadata import metadata_path
from afdcli.results.rows import Columns, Row, TopClass
from afdcli.results.writers import open_sink

NAMES = ("cat", "dog", "owl")


def row(
    path: str,
    afd: str = "",
    direct: str = "",
    target: str = "",
    *,
    quality: float | None = 10.0,
    drift: float | None = 5.0,
    error: str = "",
) -> Row:
    if error:
        return Row(path, FAILED, error, note="broken")
    return Row(
        path,
        codec="jpeg",
        width=500,
        height=375,
        quality=quality,
        drift=drift,
        top_classes=(top_class(afd, 0.8), top_class("owl", 0.1)),
        direct=(top_class(direct, 0.6), top_class("owl", 0.2)) if direct else (),
        target=NAMES.index(target) if target else None,
        target_label=target,
    )


def top_class(label: str, prob: float) -> TopClass:
    return TopClass(label, NAMES.index(label) if label in NAMES else 9, prob)


def write(
    path: str,
    rows: Sequence[Row],
    *,
    labels: bool = True,
    compare: bool = True,
    metadata: dict[str, object] | None = None,
) -> None:
    with open_sink(Path(path), Columns(2, labels, compare)) as sink:
        sink.write(rows)
    if metadata is not None:
        metadata_path(Path(path)).write_text(json.dumps(metadata))


def compared() -> list[Row]:
    """20 cats and 20 dogs: direct right 10 + 8, AFD right 15 + 8 of which one cat was lost."""
    rows = []
    for i in range(20):
        direct, afd = i < 10, 1 <= i < 16
        rows.append(
            row(f"cats/{i}.jpg", "cat" if afd else "dog", "cat" if direct else "dog", "cat")
        )
    for i in range(20):
        label = "dog" if i < 8 else "cat"
        rows.append(row(f"dogs/{i}.jpg", label, label, "dog", quality=80.0, drift=2.0))
    return rows

"""The example for FiftyOne hands over the rows; FiftyOne itself needs MongoDB, so a stand-in."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from kit import results
from kit.results import row

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "fiftyone_view.py"


class Sample(dict[str, Any]):
    def __init__(self, **fields: Any) -> None:
        super().__init__(fields)


@pytest.mark.parametrize("embedded", [False, True])
def test_labels_probabilities_and_embeddings(
    here: Path, embedded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.write("r.csv", [row("a.jpg", "cat"), row("b.jpg", error="corrupt")])
    if embedded:
        np.save("embeddings.npy", np.float32([[1, 2], [np.nan, np.nan]]))
    samples: list[Sample] = []
    fiftyone = SimpleNamespace(
        Dataset=lambda: SimpleNamespace(add_sample=samples.append),
        Sample=Sample,
        Classification=dict,
        launch_app=lambda _: SimpleNamespace(wait=lambda: None),
    )
    monkeypatch.setitem(sys.modules, "fiftyone", fiftyone)  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "r.csv", "photos"])
    runpy.run_path(str(SCRIPT))
    one, other = samples
    assert one["filepath"] == str(here / "photos" / "a.jpg")
    assert one["tags"] == ["ok"] and other["tags"] == ["failed"]
    assert one["prediction"] == {"label": "cat", "confidence": 0.8}
    embedding = one["embedding"]
    assert np.array_equal(embedding, [1, 2]) if embedded else embedding is None
    assert "prediction" not in other

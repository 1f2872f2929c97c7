"""However a run is cut up, and on however many cores, its rows are the same."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from kit.classify import afd, jpeg, of_kit, table
from kit.fresh import fresh_afd

from afdcli.models import precision

COUNT = 100
#: In a new process, as in this one.
BF16 = """
from afdcli.models import precision
precision.bf16_is_faster = lambda device: True
"""


def close(rows: pd.DataFrame, expected: pd.DataFrame, name: str) -> None:
    """float32: all labels and probabilities; otherwise 99 % of the labels."""
    assert list(rows["path"]) == list(expected["path"])
    if name == "fp32":
        assert rows["label"].equals(expected["label"])
        assert (rows["prob"] - expected["prob"]).abs().max() < 1e-3
    else:
        assert (rows["label"] != expected["label"]).sum() <= 0.01 * COUNT


@pytest.mark.slow
def test_rows_do_not_depend_on_how_they_are_computed(
    kit: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bf16_is_faster", lambda device: True)
    (here / "p").mkdir()
    for n in range(COUNT):
        (here / "p" / f"{n:03d}.jpg").write_bytes(jpeg(n, quality=10 + n % 60))
    expected = {}
    for name in ("fp32", "auto"):
        options = ("p", "--precision", name)

        def run(*more: str, options: tuple[str, ...] = options) -> pd.DataFrame:
            result = afd(kit, *options, *more)
            assert result.exit_code == 0, result.output
            return table()

        expected[name] = run("--batch-size", "16")
        lines = Path("results.csv").read_bytes().splitlines(keepends=True)
        Path("results.csv").write_bytes(b"".join(lines[:37]) + lines[37][:9])
        close(run("--resume"), expected[name], name)
        for more in (("--workers", "4"), ("--batch-size", "1"), ("--compare",)):
            close(run(*more), expected[name], name)
        parts = [run("--shard", f"{i}/3") for i in (1, 2, 3)]
        close(pd.concat(parts).sort_values("path", ignore_index=True), expected[name], name)
    with fresh_afd("taskset", "-c", "0", first=BF16) as alone:
        for name, rows in expected.items():
            line = ("classify", "p", "--precision", name, "--runtime", "torch", *of_kit(kit))
            done = alone(*line, "--overwrite")
            assert done.exit_code == 0, done.stderr
            close(table(), rows, name)

"""However a run is cut up, and on however many cores, its rows are the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import afd, jpeg, of_kit, table

from afdcli.models import precision

COUNT = 100
#: Runs `afd` once per line of standard input; the first argument says whether bfloat16 is faster.
RUNS = """
import shlex, sys
from afdcli.cli.main import app
from afdcli.models import precision
precision.bf16_is_faster = lambda device: sys.argv[1] == "True"
for line in sys.stdin:
    try:
        app(shlex.split(line))
    except SystemExit as end:
        assert not end.code, (line, end.code)
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
        for more in (("--workers", "4"), ("--batch-size", "1"), ("--compare",)):
            close(run(*more), expected[name], name)
        parts = [run("--shard", f"{i}/3") for i in (1, 2, 3)]
        close(pd.concat(parts).sort_values("path", ignore_index=True), expected[name], name)
        run("--batch-size", "16")
        lines = Path("results.csv").read_bytes().splitlines(keepends=True)
        Path("results.csv").write_bytes(b"".join(lines[:37]) + lines[37][:9])
        close(run("--resume"), expected[name], name)
    words = " ".join(map(str, (*of_kit(kit), "--runtime", "torch", "--overwrite")))
    for start in (["taskset", "-c", "0"], ["env", "OMP_NUM_THREADS=1"]):
        typed = "".join(
            f"classify p -q --precision {name} --out {name}.csv {words}\n" for name in expected
        )
        line = [*start, sys.executable, "-c", RUNS, "True"]
        done = subprocess.run(line, input=typed, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for name, rows in expected.items():
            close(table(Path(f"{name}.csv")), rows, name)

"""Results in parts after kill -9 and Ctrl-C."""

from __future__ import annotations

import csv
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import jpeg, process, same_as_process
from kit.parts import names

from afdcli import read_results


@pytest.mark.slow
def test_killed_for_real(kit: Path, photos: Path) -> None:
    """kill -9 between parts; whole parts stay, and each time it goes on."""
    for n in range(60):
        (photos / "red" / f"copy{n}.jpg").write_bytes(jpeg(n))
    options = ("photos", "--batch-size", "1", "--workers", "1")
    assert same_as_process(kit, *options, "--out", "one.csv").exit_code == 1
    options = (*options, "--out", "many.csv", "--rows-per-part", "7", "--resume")
    for parts in (1, 5):
        with process(kit, *options) as run:
            while run.poll() is None:
                time.sleep(0.01)
                if len(list(Path("many.csv").glob("part-*"))) >= parts:
                    run.kill()
                    break
            run.communicate()
        for part in Path("many.csv").glob("part-*"):
            with part.open(newline="") as file:
                assert len(list(csv.reader(file))) == 8
    assert same_as_process(kit, *options).exit_code == 1
    pd.testing.assert_frame_equal(read_results("many.csv"), read_results("one.csv"))
    assert len(names(Path("many.csv"))) == 11


@pytest.mark.slow
def test_ctrl_c_keeps_the_rows_so_far(kit: Path, photos: Path) -> None:
    for n in range(60):
        (photos / "red" / f"copy{n}.jpg").write_bytes(jpeg(n))
    options = ("photos", "--batch-size", "1", "--workers", "1", "--rows-per-part", "20")
    with process(kit, *options, "--out", "r.parquet") as run:
        while run.poll() is None and not Path("r.parquet/part-00000.parquet").exists():
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate()
    assert run.returncode == 130
    rows = read_results("r.parquet")
    assert f"{len(rows)} rows are in r.parquet" in " ".join(said.decode().split())
    assert not [name for name in names(Path("r.parquet")) if name.startswith(".")]
    assert same_as_process(kit, *options, "--out", "r.parquet", "--resume").exit_code == 1
    assert len(read_results("r.parquet")) == 74

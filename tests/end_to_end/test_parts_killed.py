"""Results in parts after kill -9 and Ctrl-C."""

from __future__ import annotations

import csv
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import afd, jpeg, process, same_as_process
from kit.parts import names

from afdcli import read_results
from afdcli.cli.live import Counts, Live

COUNT = 24


def more_photos() -> None:
    for n in range(COUNT):
        Path("photos", "red", f"copy{n}.jpg").write_bytes(jpeg(n))


@pytest.mark.slow
def test_killed_for_real(kit: Path, photos: Path) -> None:
    """kill -9 between parts: whole parts stay, and the run goes on. Twice: test_resume.py."""
    more_photos()
    options = ("photos", "--batch-size", "1", "--workers", "1")
    assert same_as_process(kit, *options, "--out", "one.csv").exit_code == 1
    options = (*options, "--out", "many.csv", "--rows-per-part", "7", "--resume")
    with process(kit, *options) as run:
        while run.poll() is None:
            time.sleep(0.01)
            if len(list(Path("many.csv").glob("part-*"))) >= 2:
                run.kill()
                break
        run.communicate()
    whole = list(Path("many.csv").glob("part-*"))
    assert 2 <= len(whole) < 6
    for part in whole:
        with part.open(newline="") as file:
            assert len(list(csv.reader(file))) == 8
    assert same_as_process(kit, *options).exit_code == 1
    pd.testing.assert_frame_equal(read_results("many.csv"), read_results("one.csv"))
    assert len(names(Path("many.csv"))) == 6


def test_ctrl_c_keeps_the_rows_so_far(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the second part. In a process of its own: test_interrupted.py."""
    more_photos()
    update = Live.update

    def interrupt(live: Live, counts: Counts) -> None:
        update(live, counts)
        if counts.rows == 25:
            signal.raise_signal(signal.SIGINT)

    options = ("photos", "--batch-size", "1", "--rows-per-part", "20", "--out", "r.parquet")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Live, "update", interrupt)
            result = afd(kit, *options)
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    rows = read_results("r.parquet")
    assert 25 <= len(rows) < 14 + COUNT
    assert f"{len(rows)} rows are in r.parquet" in " ".join(result.stderr.split())
    assert not [name for name in names(Path("r.parquet")) if name.startswith(".")]
    assert afd(kit, *options, "--resume").exit_code == 1
    assert len(read_results("r.parquet")) == 14 + COUNT

"""Results in parts after kill -9. After Ctrl-C: test_parts.py and test_interrupted.py."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import jpeg, process, same_as_process
from kit.parts import names

from afdcli import read_results


@pytest.mark.slow
def test_killed_for_real(kit: Path, photos: Path) -> None:
    """kill -9 between parts: whole parts stay, and the run goes on. Twice: test_resume.py."""
    for n in range(24):
        Path("photos", "red", f"copy{n}.jpg").write_bytes(jpeg(n))
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

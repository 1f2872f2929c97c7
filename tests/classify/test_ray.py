"""``--engine ray`` gives the rows of a local run, whatever happens to its actors."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import afd, jpeg, table

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow  # actors start slowly


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A Ray cluster with two CPUs on this machine."""
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def same_rows() -> None:
    """Ray gives each actor one thread, which changes the last digits of sums."""
    local, other = table(Path("local.csv")), table(Path("ray.csv"))
    pd.testing.assert_frame_equal(other, local, rtol=1e-4)


def test_rows_are_those_of_a_local_run(kit: Path, photos: Path) -> None:
    options = ("photos", "--compare", "--labels", "folders", "--topk", "3", "--batch-size", "4")
    assert afd(kit, *options, "--out", "local.csv").exit_code == 1
    result = afd(kit, *options, "--engine", "ray", "--out", "ray.csv")
    assert result.exit_code == 1, result.output
    same_rows()


def test_results_in_parts(kit: Path, photos: Path) -> None:
    options = ("photos", "--batch-size", "4")
    afd(kit, *options, "--out", "local.csv")
    options = (*options, "--engine", "ray", "--out", "parts.csv", "--rows-per-part", "5")
    assert afd(kit, *options).exit_code == 1
    assert len(list(Path("parts.csv").iterdir())) == 3
    Path("parts.csv/part-00002.csv").unlink()
    assert afd(kit, *options, "--resume").exit_code == 1
    rows = pd.concat([table(part) for part in sorted(Path("parts.csv").iterdir())])
    rows.to_csv("ray.csv", index=False)
    same_rows()


def test_a_killed_actor_loses_nothing(kit: Path, here: Path) -> None:
    (here / "many").mkdir()
    for n in range(120):
        (here / "many" / f"{n:03d}.jpg").write_bytes(jpeg(n))
    (here / "many" / "050.jpg").write_bytes(b"no picture")
    options = ("many", "--batch-size", "2")
    afd(kit, *options, "--out", "local.csv")
    killed: list[int] = []

    def kill() -> None:
        while not Path("ray.csv").exists() or Path("ray.csv").read_bytes().count(b"\n") < 20:
            time.sleep(0.02)
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # processes come and go
                name = (process / "cmdline").read_bytes()
                if name.startswith((b"ray::Reader", b"ray::Network")):
                    os.kill(int(process.name), signal.SIGKILL)
                    killed.append(int(process.name))

    killer = threading.Thread(target=kill)
    killer.start()
    result = afd(kit, *options, "--engine", "ray", "--out", "ray.csv")
    killer.join()
    assert result.exit_code == 1, result.output
    assert killed
    same_rows()

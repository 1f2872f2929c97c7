"""``--engine ray`` gives the rows of a local run, whatever happens to its actors."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kit.classify import afd, jpeg, table
from kit.command import one_line
from PIL import Image

ray = pytest.importorskip("ray")
ray_run = pytest.importorskip("afdcli.classify.ray")
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


def test_rows_are_those_of_a_local_run_in_parts_too(kit: Path, photos: Path) -> None:
    options = ("photos", "--compare", "--labels", "folders", "--topk", "3", "--batch-size", "4")
    options = (*options, "--exif")
    more = ("--embeddings", "local.npy")
    assert afd(kit, *options, *more, "--out", "local.csv").exit_code == 1
    more = ("--embeddings", "ray.npy", "--export-failed", "failed.txt", "--engine", "ray")
    more = (*more, "--out", "parts.csv", "--rows-per-part", "5")
    result = afd(kit, *options, *more)
    assert result.exit_code == 1, result.output
    joined()
    same_rows()
    same_embeddings()
    assert len(Path("failed.txt").read_text().splitlines()) == 3
    Path("parts.csv/part-00002.csv").unlink()
    assert afd(kit, *options, *more, "--actors", "1", "--resume").exit_code == 1
    joined()
    same_rows()
    same_embeddings()


def joined() -> None:
    parts = sorted(Path("parts.csv").iterdir())
    assert len(parts) == 3
    pd.concat([table(part) for part in parts]).to_csv("ray.csv", index=False)


def same_embeddings() -> None:
    np.testing.assert_allclose(np.load("ray.npy"), np.load("local.npy"), rtol=1e-3, atol=1e-4)


DEADLY = """
import os
from timm.models import create_model, register_model

@register_model
def deadly_net(pretrained=False, **kwargs):
    net = create_model("tiny_test_net")
    def look(_, args):
        if args[0].flatten(1).amin(1).max() > 2.4:
            os._exit(7)
    net.register_forward_pre_hook(look)
    return net
"""


def test_a_picture_that_kills_its_actor_is_one_failed_row(kit: Path, here: Path) -> None:
    """A white picture ends the process that classifies it."""
    (here / "p").mkdir()
    for n in range(14):
        (here / "p" / f"{n:02d}.jpg").write_bytes(jpeg(n, quality=90))
    (here / "p" / "09.jpg").write_bytes(b"no picture")
    (here / "deadly.py").write_text(DEADLY)
    options = ["p", "--backbone", "deadly_net", "--import", str(kit / "tiny_models.py")]
    options += ["--import", "deadly.py", "--class-names", str(kit / "names.txt"), "--afd", "off"]
    options += ["--runtime", "torch", "--precision", "fp32", "--batch-size", "4"]
    result = afd(kit, *options, "--out", "local.csv", backbone=False)
    assert result.exit_code == 1, result.output
    Image.new("RGB", (96, 72), "white").save(here / "p" / "05.png")
    options += ["--engine", "ray", "--workers", "1", "--actors", "1", "--out", "ray.csv"]
    result = afd(kit, *options, backbone=False)
    assert result.exit_code == 1, result.output
    assert result.stderr == "loading deadly_net …\n"
    rows = table(Path("ray.csv"))
    killer = rows[rows["path"] == "05.png"]
    assert list(killer["error"]) == ["worker-crashed"]
    rows[rows["path"] != "05.png"].to_csv("ray.csv", index=False)
    same_rows()


def test_ray_that_cannot_start_is_exit_3(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: object) -> None:
        raise ConnectionError("no cluster\nis at this address")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    one_line(afd(kit, "photos", "--engine", "ray"), 3, "Ray cannot start: is at this address")


def test_what_an_actor_raises_is_one_line(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that the actors' machine does not have; and actors for which there is no place."""
    monkeypatch.setattr(ray_run, "absolute", lambda settings: replace(settings, afd="gone.x"))
    one_line(afd(kit, "photos", "--engine", "ray", "--actors", "1"), 2, "gone.x")
    monkeypatch.undo()
    monkeypatch.chdir(photos.parent)
    monkeypatch.setattr(ray_run, "_START_S", 1.0)
    result = afd(kit, "photos", "--engine", "ray", "--actors", "1", "--actor-gpus", "1")
    one_line(result, 3, "has not started all actors within 1 s")


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

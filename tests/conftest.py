"""Fixtures for all tests."""

from __future__ import annotations

import functools
import os
from collections import Counter
from pathlib import Path

# Before torch is imported, here and in the processes that tests start: OpenMP's threads then sleep
# while they wait. Else those of several test processes turn in circles and hold up each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import typer.testing
from kit.classify import make_kit, make_photos

from afdcli.cli import console, live
from afdcli.train import loader, run

# A busy machine is slow at everything, and tests count lines of the screen.
console.SLOW_S = 3600.0
live.EVERY_S = 3600.0
# A process of `afd` builds its options once. Each command of a test would build them again, which
# takes longer than most commands.
typer.testing._get_command = functools.cache(typer.testing._get_command)
SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the shared photos; the longest files go first.

    A process takes file by file (``--dist loadfile``): a long file at the end would keep one
    process waiting for the others. Tests that load OpenVINO into their process go last: training in
    the same process after them has ended it now and then.
    """
    slow: Counter[Path] = Counter()
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
        slow[item.path] += item.get_closest_marker("slow") is not None
    last = {"test_int8", "test_openvino", "test_start"}
    items.sort(key=lambda item: (item.path.stem in last, -slow[item.path]))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the real photos and classifiers; skips the test where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the real photos in ../shared, which are not here")
    return SHARED


@pytest.fixture
def pairs_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """`afd train` makes its pairs in this process: another takes seconds to load torch."""
    make = loader.batches
    monkeypatch.setattr(run, "batches", lambda pairs, size, workers: make(pairs, size, 0))


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `kit.classify.make_kit`."""
    return make_kit(tmp_path_factory.mktemp("kit"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, and out of the repository."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photos(here: Path) -> Path:
    """See `kit.classify.make_photos`."""
    return make_photos(here / "photos")

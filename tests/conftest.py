"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.classify import make_kit, make_photos

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the real photos and classifiers; skips the test where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the real photos in ../shared, which are not here")
    return SHARED


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

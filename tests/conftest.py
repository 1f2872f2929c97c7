"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the real photos and classifiers; skips the test where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the real photos in ../shared, which are not here")
    return SHARED

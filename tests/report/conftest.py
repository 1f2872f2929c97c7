"""Fixtures of the tests of `afd report`."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def in_an_empty_folder(here: Path) -> None:
    """Tests write results into the current folder, and report on them."""

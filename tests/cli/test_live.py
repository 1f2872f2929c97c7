"""Progress: a bar on a terminal, lines elsewhere, nothing if quiet."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from afdcli.cli import live
from afdcli.cli.console import duration
from afdcli.cli.live import Live, counting
from afdcli.inputs.inputs import Inputs
from afdcli.inputs.selection import Selection


@dataclass
class Progress:
    done: int
    failures: int
    rate: float


@pytest.fixture
def inputs(here: Path) -> Inputs:
    for n in range(9):
        (here / f"{n}.jpg").touch()
    return Inputs(["."])


def counted(shown: Live) -> None:
    while shown.total is None:
        time.sleep(0.001)


def test_without_a_terminal_it_is_a_line_now_and_then(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.005)
    file = io.StringIO()
    with Live(Console(file=file, width=40), inputs) as shown:
        counted(shown)
        shown.update(Progress(3, 1, 0.05))
        while "1 failed" not in file.getvalue():
            time.sleep(0.001)
    lines = file.getvalue().splitlines()
    assert lines[-1] == "3 of 9 images, 0.1 images/s, 1 failed, 2 min 00 s left"  # not wrapped
    assert "\x1b" not in file.getvalue()
    assert shown.done == 3
    time.sleep(0.02)
    assert file.getvalue().splitlines() == lines  # no more after the end


def test_before_the_first_image_it_says_what_it_does(inputs: Inputs) -> None:
    with Live(Console(file=io.StringIO()), inputs) as shown:
        counted(shown)
        assert shown.line() == "starting; images found: 0 of 9"
        shown.begin("counting")
        next(iter(inputs))
        assert shown.line() == "counting; images found: 1 of 9"


def test_a_total_that_is_not_known(inputs: Inputs) -> None:
    listed = Inputs(["-"], stdin=[b"1.jpg\n"])
    shown = Live(Console(file=io.StringIO()), listed)
    shown.update(Progress(1200, 0, 7.0))
    assert shown.line() == "1,200 images, 7.0 images/s, 0 failed, time left unknown"


def test_while_a_sample_is_drawn_it_says_so(inputs: Inputs) -> None:
    sampled = Inputs(["."], selection=Selection(sample=4))
    with Live(Console(file=io.StringIO()), sampled) as shown:
        counted(shown)
        assert shown.line().startswith("drawing the sample; images found: 0")
        assert len(list(sampled)) == 4
        shown.update(Progress(1, 0, 1.0))
        assert shown.line() == "1 of 4 images, 1.0 images/s, 0 failed, 3.0 s left"


def test_on_a_terminal_it_is_a_bar_that_goes_away(inputs: Inputs) -> None:
    file = io.StringIO()
    with Live(Console(file=file, width=80, force_terminal=True), inputs) as shown:
        counted(shown)
        shown.update(Progress(3, 1, 2.0))
        shown._bar.refresh()
    text = file.getvalue()
    assert "3/9" in text
    assert "2.0 images/s" in text
    assert "1 failed" in text
    assert text.endswith("\x1b[2K")  # erased


def test_pictures_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    with counting(Console(file=file, width=80, force_terminal=True), "pictures") as update:
        update(2, 24)
    assert "2/24" in file.getvalue()
    monkeypatch.setattr(live, "EVERY_S", 0.002)
    file = io.StringIO()
    with counting(Console(file=file), "pictures") as update:
        update(3, 24)
        while "3 of 24 pictures\n" not in file.getvalue():
            time.sleep(0.001)


def test_quiet_is_quiet(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.001)
    file = io.StringIO()
    with Live(Console(file=file, quiet=True), inputs) as shown:
        shown.update(Progress(3, 1, 2.0))
        time.sleep(0.01)
    assert file.getvalue() == ""


def test_durations_are_for_people() -> None:
    spans = (3.21, 59.96, 125.4, 24_010, 1e6)
    shown = ["3.2 s", "1 min 00 s", "2 min 05 s", "6 h 40 min", "11 days 13 h"]
    assert [duration(span) for span in spans] == shown

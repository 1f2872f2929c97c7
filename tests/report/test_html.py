"""The page of ``afd report --html``: what it says, and that it is safe to open."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from kit.html_page import changed_pictures, page
from kit.reporting import report
from kit.results import NAMES, compared, row, top_class, write

from afdcli.constants import DAMAGED
from afdcli.report.distributions import calibration_errors, distributions
from afdcli.report.estimates import run_arrays
from afdcli.report.load import load_runs
from afdcli.report.metrics import METRICS
from afdcli.report.runs import Run
from afdcli.report.stats import mean
from afdcli.report.summary import summarise
from afdcli.results.rows import Row

EVIL = "<script>alert(1)</script>"


def summary() -> dict[tuple[str, str, str], float]:
    table = pd.read_csv("s.csv", keep_default_na=False, na_values={"estimate": [""]})
    assert set(table["metric"]) <= set(METRICS)
    keys = zip(table["group"], table["value"], table["metric"], strict=True)
    return dict(zip(keys, table["estimate"].astype(float), strict=True))


def damaged(path: str, afd: str) -> Row:
    return Row(path, DAMAGED, codec="jpeg", width=99, height=50, quality=33.0, drift=1.0,
               top_classes=(top_class(afd, 0.4),), direct=(top_class(afd, 0.4),),
               target=NAMES.index("cat"), target_label="cat", note="damaged: cut")  # fmt: skip


def test_numbers_of_the_page_are_those_of_the_summary() -> None:
    write("r.csv", compared())
    got = page("r.csv")
    numbers = summary()
    assert got.number("accuracy, direct") == 18 / 40 == numbers["all", "", "accuracy_direct"]
    assert got.number("accuracy, with AFD") == 23 / 40
    assert got.number("difference") == pytest.approx(5 / 40)
    assert got.number("exact McNemar p") == pytest.approx(numbers["all", "", "mcnemar_p"])
    assert got.number("calibration error, direct") == pytest.approx(
        numbers["all", "", "ece_direct"]
    )
    # Plots: quality, drift, calibration, classes, histograms.
    assert got.number("QF 10-14", 1) == 0.5 == numbers["quality", "QF 10-14", "accuracy_direct"]
    assert got.number("QF 10-14", 2) == numbers["quality", "QF 10-14", "accuracy_afd"]
    assert got.number("5", 3) == numbers["drift", "5", "accuracy_difference"] == 0.25
    assert got.number("direct, 0.5–0.6", 1) == pytest.approx(0.6)
    assert got.number("direct, 0.5–0.6", 2) == 18 / 40
    assert numbers["calibration_direct", "P 0.5-0.6", "accuracy_direct"] == 18 / 40
    assert got.number("cat", 1) == 0.5 == numbers["target_label", "cat", "accuracy_direct"]
    assert got.number("QF 75-89", 0, 1) == 20 == numbers["quality", "QF 75-89", "files"]
    assert got.number("256-511 px") == 40 == numbers["size_histogram", "256-511 px", "files"]
    assert "AFD" in got.source
    assert "45.0 % <small>[30.7, 60.2]</small>" in got.source


def test_the_page_carries_the_summary() -> None:
    write("r.csv", compared())
    (link,) = (a["href"] for a in page("r.csv").all("a"))
    head, data = link.split(",")
    assert head == "data:text/csv;charset=utf-8;base64"
    assert base64.b64decode(data).decode() == Path("s.csv").read_text()


def test_the_terminal_shows_no_more_than_without_a_page() -> None:
    write("r.csv", compared())
    plain = report("r.csv").stdout
    assert report("r.csv", "--html", "page.html").stdout == plain
    assert "By class" not in plain


def test_hostile_names_are_text(tmp_path: Path) -> None:
    name = f"{EVIL}\"' onload=alert(1) $x$ \x1b[31m\u202e"
    rows = [row(f"{name}/{i}.jpg", name, "dog", "cat") for i in range(30)]
    write(f"{name[:6]}.csv", [*rows, row(name, error=EVIL)],
          metadata={"command": EVIL, "backbone": {"name": EVIL}, "versions": {EVIL: EVIL},
                    "afd": {"on": True, "plug": EVIL, "x": [EVIL]}})  # fmt: skip
    got = page(f"{name[:6]}.csv")
    assert len(got.all("script")) == 1
    assert EVIL not in got.source
    assert "&lt;script&gt;" in got.source
    assert "\x1b" not in got.source
    assert "\u202e" not in got.source
    for tag, attributes, _ in got.found:
        assert not [a for a in attributes if a.startswith("on")], (tag, attributes)


def test_page_loads_nothing(tmp_path: Path) -> None:
    changed_pictures(tmp_path)
    got = page("r.csv", "--photos", "photos")
    for tag, attributes, _ in got.found:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert re.match(r"data:(image/jpeg|text/csv)|#|$", attributes.get(name, "")), tag
        assert not re.search(r"url\((?!#)", attributes.get("style", ""))
    for tag in ("link", "iframe", "object", "embed", "base", "form"):
        assert not got.all(tag)
    (style,) = (text for text in got.texts("style"))
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"https?:", got.source)
    policy = next(m["content"] for m in got.all("meta") if "content-security" in str(m).lower())
    assert "default-src 'none'" in policy
    (script,) = re.findall("<script>(.*?)</script>", got.source, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_page_structure_suits_screen_readers() -> None:
    write("r.csv", compared())
    got = page("r.csv")
    assert got.texts("h1") == ["AFD report: r"]
    assert [a["lang"] for a in got.all("html")] == ["en"]
    levels = [int(tag[1]) for tag, _, _ in got.found if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(a.get("scope") in ("col", "row") for a in got.all("th"))
    assert len(got.all("caption")) == len(got.all("table"))
    assert all("alt" in a for a in got.all("img"))
    pictures = [a for a in got.all("div") if a.get("class") == "plot"]
    assert len(pictures) == 5 == len(got.all("svg"))
    assert all(a["role"] == "img" and len(a["aria-label"]) > 20 for a in pictures)
    ids = [a["id"] for _, a, _ in got.found if "id" in a]
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r"url\(#([^)]*)\)", got.source)) <= set(ids)
    assert '<table class="sortable">' in got.source
    assert "aria-sort" in got.source


def test_plots_take_the_colours_of_the_page() -> None:
    write("r.csv", compared())
    got = page("r.csv")
    (svg, *_) = re.findall(r"<svg.*?</svg>", got.source, re.S)
    assert "var(--afd)" in svg
    assert "currentColor" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    assert "JPEG quality factor" in svg  # text is text
    assert "prefers-color-scheme: dark" in got.source
    assert "@media print" in got.source


def test_failed_and_damaged_files_are_counted() -> None:
    rows = [*compared(), damaged("x.jpg", "cat"), row("a.jpg", error="truncated")]
    write("r.csv", [*rows, row("b.jpg", error="truncated"), row("c.jpg", error="corrupt")])
    got = page("r.csv")
    numbers = summary()
    assert got.number("truncated") == 2 == numbers["error", "truncated", "failed"]
    assert got.number("corrupt") == 1
    assert got.number("damaged") == 1 == numbers["all", "", "damaged"]
    assert got.number("failed") == 3
    assert got.number("accuracy, with AFD") == pytest.approx(24 / 41)
    assert got.number("unknown") == 3 == numbers["size_histogram", "unknown", "files"]
    assert "of 44 files, 3 failed, 1 damaged" in got.source
    assert "of 44 files, 3 failed, 1 damaged" in report("r.csv").stdout


def test_results_without_labels() -> None:
    write("r.csv", compared(), labels=False)
    got = page("r.csv")
    numbers = summary()
    assert "Without true labels it is unknown" in got.source
    assert "Calibration" not in got.texts("h2")
    assert "Confidence over quality factor" in got.texts("h2")
    assert "Changed labels over drift" in got.texts("h2")
    assert got.number("labels that AFD changes") == 7 / 40
    assert numbers["all", "", "confidence_shift"] == pytest.approx(0.2)
    assert got.number("confidence shift") == pytest.approx(0.2)
    assert not [key for key in numbers if "ece" in key[2] or key[0].startswith("calibration")]


def test_two_results_are_shown_side_by_side() -> None:
    write("a.csv", compared())
    write("b.csv", compared()[:30])
    got = page("a.csv", "b.csv")
    assert got.texts("h1") == ["AFD report: a, b"]
    assert "Side by side" in got.texts("h2")
    assert got.number("files", 0) == 40
    assert got.number("files", 1) == 30
    assert got.number("accuracy, with AFD", 1) == pytest.approx(23 / 30)
    names = [
        t
        for (tag, a, text) in got.found
        if a.get("class") == "name"
        for t in ["".join(text).strip()]
    ]
    assert names.count("a") == names.count("b") == 3
    assert "Sizes: b" in names
    captions = got.texts("caption")
    assert {"By class: a", "By class: b"} <= set(captions)
    limits = re.findall(r'viewBox="([^"]*)"', got.source)
    assert len(set(limits)) == 1


def test_provenance_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    write("r.csv", compared(), metadata={
        "command": "afd classify photos --compare", "backbone": {"name": "one", "origin": "hub"},
        "afd": {"on": True, "plug": "stem", "sha256": "f" * 64}, "versions": {"torch": "2.6"},
    })  # fmt: skip
    write("c.csv", compared())
    monkeypatch.setattr(sys, "argv", ["afd", "report", "my results.csv", "--html", "x.html"])
    source = page("r.csv", "--clean", "c.csv").source
    assert "afd classify photos --compare" in source
    assert "f" * 64 in source
    assert "torch 2.6" in source
    assert "afd report &#39;my results.csv&#39; --html x.html" in source
    assert 'Clean pictures: c<span class="suffix">.csv</span>' in source
    assert "This file has no metadata." in source


def test_calibration_error_by_hand() -> None:
    truth = [("cat", 0.95, "cat"), ("cat", 0.9, "cat"), ("cat", 0.85, "dog"), ("dog", 0.3, "dog")]
    rows = [
        Row(f"{i}.jpg", codec="jpeg", top_classes=(top_class(label, prob),),
            target=NAMES.index(target), target_label=target)
        for i, (label, prob, target) in enumerate(truth)
    ]  # fmt: skip
    write("r.csv", rows, compare=False)
    run = one_run("r.csv")
    arrays = run_arrays(run)
    # Bins 0.9-1.0: 1 right of 1, sure 0.95; 0.8-0.9: 1 of 2, sure 0.875; 0.2-0.3: 1 of 1, 0.3.
    wanted = (0.05 + 2 * 0.375 + 0.7) / 4
    assert calibration_errors(arrays)["ece_direct"].value == pytest.approx(wanted)
    bins = distributions(run.rows, arrays)["calibration_direct"]
    assert [group.value for group in bins] == ["P 0.2-0.3", "P 0.8-0.9", "P 0.9-1.0"]
    assert bins[1].get("accuracy_direct").value == 0.5


def test_intervals_of_means_match_scipy() -> None:
    values = np.random.default_rng(1).normal(0.1, 0.3, 50)
    got = mean(values, np.arange(50))
    low, high = scipy.stats.norm.interval(0.95, values.mean(), scipy.stats.sem(values))
    assert (got.n, got.value) == (50, pytest.approx(values.mean()))
    assert (got.low, got.high) == (pytest.approx(low), pytest.approx(high))
    assert math.isnan(mean(np.array([0.5]), np.array([0])).low)
    assert mean(np.empty(0), np.empty(0, dtype=int)).n == 0


def test_labelled_and_unlabelled_results_together() -> None:
    write("a.csv", compared())
    write("b.csv", compared(), labels=False)
    got = page("a.csv", "b.csv")
    assert "Confidence over quality factor" in got.texts("h2")
    assert got.number("accuracy, with AFD") == 23 / 40
    assert "By label: b" in got.texts("caption")


def test_histograms_hold_every_file_once() -> None:
    files = [(63, 1, 1.0), (64, 2, 5.4), (9, 127, 5.6), (9000, 1, 100.0), (8192, 8, None)]
    rows = [
        Row(f"{i}.jpg", width=w, height=h, quality=q, top_classes=(top_class("cat", 0.5),))
        for i, (w, h, q) in enumerate(files)
    ]
    write("r.csv", [*rows, row("x.jpg", error="corrupt")], labels=False, compare=False)
    run = one_run("r.csv")
    (report,) = summarise([run])
    sizes = report.distributions["size_histogram"]
    counts = {g.value: int(n) for g in sizes if (n := g.get("files").value)}
    assert counts == {"below 64 px": 1, "64-127 px": 2, "from 8192 px": 2, "unknown": 1}
    counts = {group.value: int(group.get("files").value) for group in report.groups["quality"]}
    assert counts == {"QF 1-9": 3, "QF 90-100": 1, "unknown": 2}


def one_run(name: str) -> Run:
    (run,) = load_runs([Path(name)])
    return run

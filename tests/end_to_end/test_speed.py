"""Benchmarks of speed: stages of a reader, ratios of what was measured, labels that differ."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from kit.pictures import encoded, scene

from afdcli.view import build
from afdcli.view.spec import ViewSpec

BENCHMARKS = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in ("measure", "speed", "memory", "classify_run", "labels", "protocols"):
        sys.modules.pop(name, None)


def test_stages_of_a_reader_add_up(tmp_path: Path) -> None:
    from measure import STAGES, stages

    (tmp_path / "a.jpg").write_bytes(encoded(scene(300, 400), quality=80))
    before = build.pool
    found = stages([tmp_path / "a.jpg"], ViewSpec(), times=1)
    assert build.pool is before
    assert found.pop("Pillow alone") > 0
    for resize in ("fast", "exact"):
        whole = found.pop(f"{resize}: whole")
        parts = [found.pop(f"{resize}: {name}") for name in (*STAGES, "checks and the rest")]
        assert all(part > 0 for part in parts)
        assert sum(parts) == pytest.approx(whole)
    assert not found


def test_ratios_stand_beside_what_they_shall_be() -> None:
    from speed import Found, all_ratios

    found = Found(bfloat16=True)
    name = "tf_efficientnet_lite0"
    for what, value in (
        ("timm's script, default", 20),
        ("timm's script, channels_last", 40),
        ("in memory, OpenVINO, float32", 200),
        ("in memory, OpenVINO, float32, with AFD", 160),
        ("in memory, OpenVINO, default (bfloat16)", 300),
        ("in memory, OpenVINO, default (bfloat16), with AFD", 200),
        ("afd classify", 130),
        ("afd classify, float32", 100),
        ("first row, second start", 2.5),
    ):
        found.add(name, what, "", value)
    for size in ("500x375", "12 MP"):
        found.add("reader", f"{size}: Pillow alone", "ms", 2)
        found.add("reader", f"{size}: fast: whole", "ms", 2.4)
    found.add("memory", "10 rows, main process", "MiB", 500)
    found.add("memory", "90 rows, main process", "MiB", 520)
    table = all_ratios(found, [name], [10, 90])
    rows = {row.what: (row.value, row.bar, row.holds) for row in table.itertuples()}
    mine, added = "afd classify, default, of", "time that AFD adds in OpenVINO,"
    assert rows[f"{mine} timm's script, default"] == (6.5, ">= 6.0", "yes")
    assert rows[f"{mine} timm's script, channels_last"][2] == "NO"
    assert rows[f"{mine} the bare forward, float32"] == (0.65, ">= 0.62", "yes")
    assert rows["afd classify, float32, of the bare forward, float32"] == (0.5, "", "")
    assert rows[f"{added} float32"] == (0.25, "<= 0.3", "yes")
    assert rows[f"{added} bfloat16"] == (0.5, "<= 0.3", "NO")
    assert rows["ms per photo of 500x375, of Pillow's"] == (1.2, "<= 1.3", "yes")
    assert rows["ms per photo of 12 MP, of Pillow's"][2] == "NO"
    assert rows["90 rows, of 10"] == (1.04, "<= 1.1", "yes")


def test_labels_of_two_ways(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import labels

    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        (folder / f"{seed}.jpg").write_bytes(encoded(scene(90, 120, seed), quality=95))
    way = "precision=fp32,runtime=torch,resize="
    line = ["labels.py", str(folder), "--backbone", "tiny_test_net@off"]
    line += ["--import", str(kit / "tiny_models.py"), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*line, "--one", f"{way}exact", "--other", f"{way}fast"])
    labels.main()
    table = pd.read_csv(tmp_path / "labels.csv", index_col=0)
    assert list(table.index) == ["clean", "qf25", "qf18", "qf15", "qf10", "qf7", "all"]
    assert list(table.views) == [2] * 6 + [12]
    assert 0 < table.largest["all"] < 0.1  # the pixels differ, but not by much
    assert "resize=exact against" in capsys.readouterr().out

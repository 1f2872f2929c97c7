"""From the second start on `afd classify` needs no torch, and gives the same rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from kit import small_models
from kit.classify import jpeg, table
from safetensors.torch import save_file
from typer.testing import CliRunner

from afdcli.classify import loading
from afdcli.cli.main import app
from afdcli.core import weights_file
from afdcli.inference import cascade
from afdcli.models import precision

OPTIONS = [
    *("classify", "photos", "--overwrite", "--workers", "1", "--device", "cpu", "--compare"),
    *("--backbone", "test_resnet", "--checkpoint", "w.safetensors", "--afd", "m.safetensors"),
]
_PROCESS = """
import sys
from afdcli.cli.main import app
try:
    app(sys.argv[1:])
finally:
    print(sorted({"torch", "timm", "torchvision"} & {*sys.modules}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos and a cache of models, which all tests share: a conversion takes seconds."""
    made = tmp_path_factory.mktemp("start")
    (made / "photos").mkdir()
    for seed in range(5):
        (made / "photos" / f"{seed}.jpg").write_bytes(jpeg(seed, quality=20 + 10 * seed))
    return made


@pytest.fixture(autouse=True)
def loads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry per start that loads torch. At first there are models, but no records."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.chdir(folder)
    for file in records():
        file.unlink()
    save_weights(0)
    save_module(0.1)
    done: list[None] = []
    load = loading.load
    monkeypatch.setattr(loading, "load", lambda *args: (done.append(None), load(*args))[1])
    return done


def save_weights(seed: int) -> None:
    torch.manual_seed(seed)
    save_file(timm.create_model("test_resnet").state_dict(), "w.safetensors")


def save_module(noise: float) -> None:
    meta = {"plug": "input", "where": ""}
    weights_file.save(small_models.module(noise), Path("m.safetensors"), meta)


def classified(*more: str) -> bytes:
    """The results of a run in this process."""
    result = CliRunner().invoke(app, [*OPTIONS, *more])
    assert result.exit_code == 0, result.output
    return Path("results.csv").read_bytes()


def metadata() -> dict[str, object]:
    facts: dict[str, object] = json.loads(Path("results.csv.meta.json").read_text())
    return {name: facts[name] for name in facts if name not in ("started", "ended", "counts")}


def test_a_second_start_needs_no_torch(loads: list[None]) -> None:
    rows, facts = classified(), metadata()
    assert loads == [None]
    line = [sys.executable, "-c", _PROCESS, *OPTIONS]
    run = subprocess.run(line, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
    assert Path("results.csv").read_bytes() == rows
    assert metadata() | {"command": facts["command"]} == facts


def test_a_second_start_asks_again_in_float32_as_the_first(
    loads: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bf16_is_faster", lambda _: True)
    monkeypatch.setattr(cascade, "close_margin", lambda *_: 9.0)  # everything is a close call
    assert classified() == classified()
    assert loads == [None]
    auto = table()
    classified("--precision", "fp32")
    assert np.allclose(auto["prob"], table()["prob"], rtol=1e-5)


def records() -> list[Path]:
    return sorted(Path("cache").rglob("start-*.json"))


def test_what_is_changed_or_damaged_is_loaded_again(loads: list[None]) -> None:
    exact = ("--precision", "fp32")
    classified(*exact)
    first = records()
    changes: list[Callable[[], object]] = [
        lambda: save_weights(1),
        lambda: save_module(0.3),
        lambda: [file.write_text(file.read_text().replace("r", "s")) for file in records()],
        lambda: [file.write_text("{") for file in records()],
    ]
    for count, change in enumerate(changes, 2):
        change()
        rows = classified(*exact)
        assert len(loads) == count
        assert classified(*exact) == rows
        assert len(loads) == count
    assert len(records()) == len(first) + 2  # other weights, other module
    found = table()
    classified(*exact, "--runtime", "torch")
    expected = table()
    numbers = ["prob", "direct_prob", "drift"]
    assert found.drop(columns=numbers).equals(expected.drop(columns=numbers))
    assert np.allclose(found[numbers], expected[numbers], atol=2e-3)

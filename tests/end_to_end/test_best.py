"""`--afd best` in every command that has `--afd`, with a best module that ships and without."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from kit import command
from kit.classify import afd, jpeg, of_kit, table
from kit.plugged import ship

import afdcli
from afdcli.classify.recorded import key_of_start
from afdcli.classify.settings import Settings
from afdcli.core import weights_file
from afdcli.models import shipped
from afdcli.models.measured import Measured, measured

NONE = "no best AFD module ships for tiny_test_net, only the light one: use --afd auto, or train"


def numbers(afd: float, time: float) -> list[dict[str, object]]:
    """Of a card: *afd* % are right where 40 % were, and 60 % of the clean photos."""
    pairs = {"clean": [60, 60], "by_quality": {qf: [40, afd] for qf in (25, 18, 15, 10, 7)}}
    return [{"classifier": "Tiny", "added_time": time, **pairs}]


@pytest.fixture
def weights(kit: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of shipped modules, with the light one of the kit's classifier; and a photo."""
    folder = here / "weights"
    folder.mkdir()
    monkeypatch.setattr(shipped, "folder", lambda: folder)
    ship(folder, kit / "module.safetensors", "tiny_test_net.stem", measured=numbers(50, 20))
    (here / "a.jpg").write_bytes(jpeg(0, quality=10))
    return folder


def ship_best(weights: Path, kit: Path) -> None:
    ship(weights, kit / "module.safetensors", "tiny_test_net.best", measured=numbers(54, 90))


def test_without_a_best_module_every_command_says_what_to_do(kit: Path, weights: Path) -> None:
    inspect = command.afd("inspect", "a.jpg", *of_kit(kit)[:6], "--afd", "best", columns=300)
    for result in (afd(kit, "a.jpg", "--afd", "best"), inspect):
        assert result.exit_code == 2
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("afd: ")]
        assert NONE in line
        assert "--preset best --data DIR` and give its file to --afd" in line
    assert not Path("results.csv").exists()


def test_with_a_best_module(kit: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship_best(weights, kit)
    result = afd(kit, "a.jpg", "--afd", "best", "--compare")
    assert result.exit_code == 0, result.output
    facts = json.loads(Path("results.csv.meta.json").read_text())
    assert facts["options"]["afd"] == "best"
    assert facts["afd"]["path"] == str(weights / "tiny_test_net.best.safetensors")
    prob = table()["prob"].tolist()
    options = of_kit(kit)[:6]
    inspect = command.afd("inspect", "a.jpg", *options, "--afd", "best", "--no-picture")
    assert "tiny_test_net.best.safetensors" in inspect.stdout.replace("\n", "")
    classifier = afdcli.Classifier(
        "tiny_test_net", imports=kit / "tiny_models.py", afd="best", runtime="torch"
    )
    assert classifier("a.jpg")[0]["prob"] == pytest.approx(prob[0], abs=1e-4)
    Path("afd.toml").write_text('[classify]\nafd = "best"\nout = "set.csv"\n')
    monkeypatch.setenv("AFD_CLASSIFY_CLASS_NAMES", str(kit / "names.txt"))
    words = ("a.jpg", *options[:4], "--runtime", "torch", "--workers", "1")
    assert command.afd("classify", *words).exit_code == 0
    assert table(Path("set.csv"))["prob"].tolist() == prob


def test_the_dry_run_shows_both_modules(kit: Path, weights: Path) -> None:
    screen = afd(kit, "a.jpg", "--dry-run", "--afd", "auto").stdout
    assert "light: 50 % recovered, 20 % more time" in screen and "--afd" not in screen
    ship_best(weights, kit)
    light, best = ("50 % recovered, 20 % more time", "70 % recovered, 90 % more time")
    for name, line, gain in (
        ("auto", f"light: {light}; --afd best: {best}", "40.0 → 50.0 %"),
        ("best", f"best: {best}; --afd auto: {light}", "40.0 → 54.0 %"),
    ):
        screen = afd(kit, "a.jpg", "--dry-run", "--afd", name).stdout.replace("│", "")
        assert f"AFD module {line}" in " ".join(screen.split())
        assert gain in screen
    found = json.loads(afd(kit, "a.jpg", "--dry-run", "--json", "--afd", "best").stdout)
    modules = [(each["module"], each["recovered"]) for each in found["modules"]]
    assert modules == [("best", 70.0), ("light", 50.0)]


def test_models_lists_both(kit: Path, weights: Path) -> None:
    for kind, figures in (("stem", numbers(50, 20)), ("best", numbers(54, 90))):
        ship(weights, kit / "module.safetensors", f"{shipped.DEFAULT}.{kind}", measured=figures)
    screen = command.afd("models", shipped.DEFAULT, columns=140).stdout.replace("│", "")
    text = " ".join(screen.split())
    assert "installed light, best" in text
    assert "light Tiny 40.0 → 50.0 % 50 % 20 %" in text
    assert "best Tiny 40.0 → 54.0 % 70 % 90 %" in text


def test_another_module_is_another_start(kit: Path, weights: Path) -> None:
    settings = Settings(afd="best", device="cpu", runtime="openvino")
    before = key_of_start(settings)
    ship_best(weights, kit)
    keys = {before, key_of_start(settings), key_of_start(Settings(device="cpu"))}
    assert len(keys) == 3 and None not in keys


def test_a_card_has_what_was_measured(
    kit: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "examples")
    module, _ = weights_file.load(kit / "module.safetensors")
    file = weights / "tiny_test_net.best.safetensors"
    metadata = {"plug": "stem", "where": "act1", "backbone": "tiny_test_net", "steps": "7"}
    weights_file.save(module, file, metadata)
    rows = {"clean": (75.0, 74.88), "qf25": (61.0, 70.12), "qf7": (38.88, 58.0)}
    lines = ["backbone,protocol,name,direct,afd"]
    for name, (direct, with_afd) in rows.items():
        protocol = "clean" if name == "clean" else "single"
        lines.append(f"tiny_test_net,{protocol},{name},{direct},{with_afd}")
    Path("accuracy.csv").write_text("\n".join(lines))
    words = ("--what", "x", "--trained-on", "y", "--accuracy", "accuracy.csv", "--added-time", "60")
    importlib.import_module("write_card").main([str(file), *words])
    assert shipped.verified(file.name) == file
    (found,) = measured(file)
    assert found == Measured("tiny_test_net", rows["clean"], {25: rows["qf25"], 7: rows["qf7"]}, 60)
    assert found.recovered == pytest.approx(100 * (9.12 / 14 + 19.12 / 36.12) / 2)

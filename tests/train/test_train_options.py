"""Options of `afd train`: what they do, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from kit import command
from kit.training import arguments, plan_of, train

from afdcli.core import weights_file
from afdcli.train import losses
from afdcli.train import run as session
from afdcli.train.loop import Progress
from afdcli.train.photos import collect
from afdcli.train.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("pairs_made_here")


def test_resume_goes_on_and_refuses_other_options(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    result = train(world, out, "--resume", "--steps", "2", code=2)
    assert "there is no checkpoint" in result.stderr
    train(world, out, "--steps", "2", "-q")
    result = train(world, out, "--steps", "4", "--resume")
    assert weights_file.load(out)[1]["steps"] == "4"
    more = ("--steps", "5", "--resume", "--lr", "0.5")
    result = train(world, out, *more, code=2)
    assert "other options (lr 0.003, now 0.5)" in " ".join(result.stderr.split())
    lists = tmp_path / "without.txt"
    lists.write_text("\n".join(f"a/{path.name}" for path in sorted(world.rglob("a/*.jpg"))[:5]))
    without = ("--steps", "5", "--resume", "--exclude-list", str(lists))
    result = train(world, out, *without, code=2)
    assert "photos held out differs" in " ".join(result.stderr.split())
    checkpoint = out.with_suffix(".ckpt")
    state = torch.load(checkpoint, weights_only=True)
    del state["kept"]  # as it was before there was a rule for what is kept
    torch.save(state, checkpoint)
    result = train(world, out, "--steps", "5", "--resume", code=2)
    assert "older afd" in " ".join(result.stderr.split())


@pytest.mark.parametrize("plug", ["stem", "input"])
def test_init_begins_with_a_trained_module(world: Path, tmp_path: Path, plug: str) -> None:
    """And all of it learns from the first step on."""
    first, out = tmp_path / "first.safetensors", tmp_path / "m.safetensors"
    more = ("--plug", plug, "--steps", "2", "-q")
    train(world, first, *more)
    more = ("--plug", plug, "--steps", "1", "--lr", "1e-7", "--seed", "5", "-q")
    train(world, out, *more, "--init", str(first))
    old, (new, metadata) = weights_file.load(first)[0], weights_file.load(out)
    assert json.loads(metadata["settings"])["init"] == "first.safetensors"
    weights = torch.load(out.with_suffix(".ckpt"), weights_only=True)["module"]
    before = old.state_dict()
    for name, value in new.state_dict().items():
        assert torch.allclose(value, before[name], atol=1e-5), name
    for part in ("fde.", "fe."):
        names = [name for name in weights if name.startswith(part)]
        assert any(not torch.equal(weights[name], before[name]) for name in names), part


def test_init_begins_a_larger_preset(world: Path, tmp_path: Path) -> None:
    first, out = tmp_path / "light.safetensors", tmp_path / "best.safetensors"
    train(world, first, "--preset", "light", "--steps", "2", "-q")
    more = ("--preset", "best", "--steps", "1", "--lr", "1e-7", "-q")
    train(world, out, *more, "--init", str(first))
    light, best = (weights_file.load(path)[0] for path in (first, out))
    assert best.config.film_width > light.config.film_width
    assert light.fde is not None and best.fde is not None
    for before, after in zip(light.fde.parameters(), best.fde.parameters(), strict=True):
        assert torch.allclose(before, after, atol=1e-5)
    train(world, tmp_path / "no.safetensors", "--preset", "light", "--init", str(out), code=2)


def test_init_refuses_what_does_not_fit(world: Path, tmp_path: Path) -> None:
    first, out = tmp_path / "first.safetensors", tmp_path / "m.safetensors"
    train(world, first, "--steps", "1", "-q")
    fused = tmp_path / "fused.safetensors"
    result = command.afd("fuse", str(first), "--out", str(fused), "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["module"] == str(fused)
    assert facts["fused"]["parameters"] < facts["branches"]["parameters"]
    for init, more, message in (
        (first, ("--preset", "paper"), "made for another plug point, backbone or preset"),
        (first, ("--plug", "input"), "made for another plug point, backbone or preset"),
        (fused, (), "is fused"),
        (tmp_path / "none.safetensors", (), "does not exist"),
    ):
        result = train(world, out, "--steps", "1", "--init", str(init), *more, code=2)
        assert message in " ".join(result.stderr.split())
    assert not out.exists()


def test_input_module_through_two_backbones(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "any.safetensors"
    net = f"train_test_net={world / 'net.safetensors'}"
    more = ("--plug", "input", "--steps", "2", "-q", "--json")
    line = [*arguments(world, out), *more]
    at = line.index("--checkpoint")
    result = command.afd(*line, "--backbone", net)
    assert result.exit_code == 2
    assert "--checkpoint works with one backbone" in result.stderr
    del line[at : at + 2]
    line[line.index("--backbone") + 1] = net
    result = command.afd(*line, "--backbone", net)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    summary = json.loads(result.stdout)
    assert (summary["module"], summary["steps"]) == (str(out), 2)
    assert summary["validation"]["photos"] == 5
    assert sorted(summary["skipped"]) == ["broken.jpg", "tiny.png"]
    assert summary["next"].endswith(f"--afd {out}")
    module, metadata = weights_file.load(out)
    assert metadata["plug"] == "input"
    assert (module.config.channels, module.config.unshuffle) == (3, 2)
    assert (module.config.guide, module.config.width) == (True, 8)  # the width is nano's
    assert "signature" not in metadata


def test_who_trained_for_nothing_is_told(world: Path, tmp_path: Path) -> None:
    result = train(world, tmp_path / "a.safetensors", "--steps", "1", "--lr", "1e-9")
    assert "has learnt almost nothing" in " ".join(result.stderr.split())


def test_ctrl_c_keeps_what_was_learnt(world: Path, tmp_path: Path) -> None:
    plan = plan_of(world, "stem")
    photos = collect([world / "photos"], 5, 0, set())

    def interrupt(progress: Progress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    out = tmp_path / "m.safetensors"
    settings = TrainSettings(minutes=None, steps=50, batch_size=2, validation=5)
    outcome = session.train(plan, photos, settings, out, interrupt, workers=0)
    assert outcome.interrupted
    assert outcome.steps == 2
    assert weights_file.load(out)[1]["steps"] == "2"
    assert out.with_suffix(".ckpt").exists()


def test_a_run_that_diverges_ends_with_the_module_of_before(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afdcli.train.optimiser._MOST_LOST", 2)
    whole, seen = losses.divergence, []

    def broken(*args: Any) -> torch.Tensor:
        seen.append(1)
        return whole(*args) * (1.0 if len(seen) < 5 else torch.nan)

    monkeypatch.setattr(losses, "divergence", broken)
    out = tmp_path / "m.safetensors"
    result = train(world, out, "--steps", "40")
    assert "losses were not finite" in " ".join(result.stderr.split())
    module, metadata = weights_file.load(out)
    assert int(metadata["steps"]) == 6  # four good ones, and two that were left out
    assert all(weight.isfinite().all() for weight in module.parameters())

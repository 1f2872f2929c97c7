"""The reference methods that AFD is compared with run where an AFD module runs."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule
from afdcli.models.loader import load_backbone
from afdcli.train.run import make_plan
from afdcli.train.settings import TrainSettings

BENCHMARKS = Path(__file__).resolve().parents[2] / "examples" / "benchmarks"


TITLES = (
    *("afd", "no FDM", "channel gate", "decoded-pixel DCT", "plain convolutions", "stem loss only"),
    *("no angle in the loss", "FDM supervised by the angle", "preset best", "no FiLM", "stem only"),
    *("c = 32", "paper's recipe", "DDP-style", "ARCNN-style"),
)


@pytest.mark.parametrize("title", TITLES)
def test_untrained_methods_change_nothing_and_have_a_cost(
    title: str, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    methods = importlib.import_module("methods")
    torch.manual_seed(0)
    backbone = load_backbone("tiny_test_net", imports=[str(kit / "tiny_models.py")])
    assert tuple(methods.LINES) == TITLES
    line = methods.LINES[title]
    replace(TrainSettings(), **line.settings)
    plan = make_plan([backbone], line.plug, line.preset or "light", **line.config)
    module = methods.build(line, plan).eval()
    loaded = LoadedModule(module, plan.plug, plan.where, tmp_path / "m", "")
    for one in plan.hooked:
        one.remove()
    side = backbone.spec.height
    pixels = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8)
    grid = torch.randn(2, 384, -(-side // 8), -(-side // 8)).half()
    with torch.inference_mode():
        answer = AFDClassifier(backbone, loaded, compare=True).eval()(
            pixels, grid, torch.rand(2, 197)
        )
    assert answer.direct is not None
    assert torch.allclose(answer.logits, answer.direct, atol=1e-5)
    cost = methods.cost(loaded, backbone)
    assert cost["parameters"] > 10_000
    assert cost["mmacs"] > 1

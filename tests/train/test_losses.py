"""The losses are what they say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from kit.training import backbone_of, batch_of

from afdcli.core import AFDModule, preset
from afdcli.models.hooks import HookedBackbone
from afdcli.models.plug_points import stages
from afdcli.train import losses
from afdcli.train.losses import Features


def features(restored: torch.Tensor, logits: torch.Tensor) -> Features:
    clean, drifted = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    return Features(clean, drifted, restored, torch.tensor([[0.0, 1.0], [2.0, 0.0]]), logits)


def test_losses_are_what_they_say() -> None:
    same = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    nothing = features(torch.ones(2, 3, 4, 4), same)
    assert float(losses.feature_loss(nothing)) == 1  # doing nothing costs 1
    assert float(losses.feature_loss(features(torch.zeros(2, 3, 4, 4), same))) == 0
    assert float(losses.divergence(nothing)) == pytest.approx(0, abs=1e-6)
    flat = features(torch.ones(2, 3, 4, 4), torch.zeros(2, 2))
    expected = 0.0
    for row in same.softmax(1).tolist():
        expected += sum(p * (math.log(p) - math.log(0.5)) for p in row) / 2
    assert float(losses.divergence(flat)) == pytest.approx(expected, rel=1e-5)


def test_map_loss_compares_the_fdm_with_the_measured_angle(world: Path) -> None:
    backbone = backbone_of(world)
    hooked, batch = HookedBackbone(backbone, "stem", "act1"), batch_of(2, backbone.spec)
    module = AFDModule(preset("paper", 64))
    same = batch._replace(pixels=batch.clean)  # so that nothing drifts: 0 degrees
    assert module.fde is not None
    for bias, expected in ((-30.0, 0.0), (30.0, 1.0)):
        torch.nn.init.zeros_(module.fde.gate.weight)
        torch.nn.init.constant_(module.fde.gate.bias, bias)
        with torch.no_grad():
            f = losses.run(hooked, module, same)
            assert float(losses.map_loss(module, same, f)) == pytest.approx(expected, abs=1e-3)


def test_angle_loss_is_about_direction_only() -> None:
    same = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    clean, drifted = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    clean[:, 0], drifted[:, 1] = 1, 1
    for restored, cost in (
        (drifted, 1.0),  # doing nothing costs 1
        (3 * drifted, 1.0),
        (clean, 0.0),
        (5 * clean, 0.0),
        (clean + drifted, 2 * math.sin(math.pi / 8) / math.sqrt(2)),
    ):
        f = Features(clean, drifted, restored, same, same)
        assert float(losses.angle_loss(f)) == pytest.approx(cost, abs=3e-3)


@pytest.mark.parametrize("plug", [False, True])
def test_known_targets_change_no_loss(world: Path, plug: bool) -> None:
    backbone = backbone_of(world)
    hooked = HookedBackbone(backbone, "stem", "act1")
    batch = batch_of(2, backbone.spec)
    module = AFDModule(preset("light", 64))
    deep = stages(hooked.net)
    with torch.no_grad():
        first = losses.run(hooked, module, batch, deep=deep)
    assert hooked.can_skip_front(backbone.spec.height, backbone.spec.width)
    stored = first.targets(plug).packed()
    assert {tensor.dtype for tensor in stored[1:]} == {torch.float16}
    targets = losses.Targets.unpacked(stored, len(deep), torch.device("cpu"))
    with torch.no_grad():
        again = losses.run(hooked, module, batch, targets, deep=deep)
    exact = 0 if not plug else 2e-3  # the features lie in float16
    assert torch.allclose(again.clean, first.clean, rtol=exact, atol=exact)
    same = pytest.approx(float(losses.divergence(first)), rel=max(exact, 1e-9))
    assert float(losses.divergence(again)) == same
    assert float(losses.deep_loss(again)) == pytest.approx(float(losses.deep_loss(first)), rel=1e-3)


def test_deep_loss_is_relative_to_the_clean_features() -> None:
    none = torch.zeros(2, 3, 1, 1)
    clean = [torch.full((2, 4, 2, 2), 2.0), torch.full((2, 5, 6), -8.0)]
    restored = [torch.full((2, 4, 2, 2), 3.0), torch.full((2, 5, 6), -10.0)]
    f = Features(none, none, none, none, none, clean, restored)
    assert float(losses.deep_loss(f)) == pytest.approx((1 / 2 + 2 / 8) / 2)
    assert float(losses.deep_loss(f._replace(restored_deep=clean))) == 0
    assert float(losses.deep_loss(f._replace(clean_deep=[], restored_deep=[]))) == 0

"""A larger module that begins with the weights of a smaller one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from afdcli.core.config import AFDConfig, NormLayer, Stage
from afdcli.core.growth import can_grow, grown
from afdcli.core.module import AFDModule

STAGES = tuple(Stage(f"stage{i}", 6 + i, 8, "relu") for i in range(3))
LAYERS = tuple(NormLayer(f"norm{i}", 5 + i) for i in range(3))
SMALL = AFDConfig(
    channels=4,
    width=8,
    hidden=(16, 8),
    adapter_width=4,
    stages=STAGES[1:2],
    film_width=3,
    norm_layers=LAYERS[::2],
)
LARGE = replace(SMALL, adapter_width=6, stages=STAGES, film_width=5, norm_layers=LAYERS)


def trained(config: AFDConfig) -> AFDModule:
    """A module none of whose weights is zero, in eval mode."""
    torch.manual_seed(0)
    module = AFDModule(config).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(0, 0.3)
    return module


@pytest.mark.parametrize(
    "large",
    [
        SMALL,
        replace(SMALL, adapter_width=7),
        replace(SMALL, stages=STAGES),
        replace(SMALL, film_width=8),
        replace(SMALL, norm_layers=LAYERS),
        LARGE,
    ],
    ids=["same", "adapter_width", "stages", "film_width", "norm_layers", "all"],
)
def test_a_grown_module_computes_the_same(large: AFDConfig) -> None:
    assert can_grow(SMALL, large)
    small = trained(SMALL)
    module = grown(small, large).eval()
    assert module.config == large
    grid, context = torch.randn(2, 384, 4, 4) * 50, torch.rand(2, 197)
    x = torch.rand(2, 4, 16, 16)
    torch.testing.assert_close(module(x, grid, context), small(x, grid, context))
    damage, wanted = module.estimate_damage(grid, context), small.estimate_damage(grid, context)
    for index, stage in enumerate(large.stages):
        features = torch.rand(2, stage.channels, 4, 4)
        same = features
        if stage in SMALL.stages:
            same = small.restore_stage(SMALL.stages.index(stage), features, wanted)
            assert not torch.allclose(same, features)
        torch.testing.assert_close(module.restore_stage(index, features, damage), same)
    known = dict(zip(SMALL.norm_layers, small.scales_and_shifts(wanted), strict=True))
    for layer, pair in zip(large.norm_layers, module.scales_and_shifts(damage), strict=True):
        expected = known.get(layer, (torch.zeros(2, layer.channels, 1, 1),) * 2)
        for got, want in zip(pair, expected, strict=True):
            torch.testing.assert_close(got, want)


def test_what_is_new_learns_from_the_first_step() -> None:
    module = grown(trained(SMALL), LARGE)
    grid, context = torch.randn(2, 384, 4, 4) * 50, torch.rand(2, 197)
    damage = module.estimate_damage(grid, context)
    out = [s.sum() + t.sum() for s, t in module.scales_and_shifts(damage)]
    out += [
        module.restore_stage(i, torch.rand(2, stage.channels, 4, 4), damage).sum()
        for i, stage in enumerate(STAGES)
    ]
    torch.stack(out).sum().backward()  # type: ignore[no-untyped-call]
    assert module.film is not None
    gradient = module.film.to_scale_shift.weight.grad
    assert gradient is not None and gradient[:, -1].abs().sum() > 0
    for adapter in module.adapters:
        assert adapter.up.weight.grad[:, -1].abs().sum() > 0


@pytest.mark.parametrize(
    "change",
    [
        {"width": 16},
        {"hidden": (16, 16)},
        {"adapter_width": 2},
        {"film_width": 2},
        {"stages": STAGES[:1]},
        {"norm_layers": LAYERS[:1]},
        {"fused": True},
    ],
    ids=str,
)
def test_others_do_not_fit(change: dict[str, object]) -> None:
    assert not can_grow(SMALL, replace(SMALL, **change))  # type: ignore[arg-type]

"""The module: identity, sizes, the paper's equation, presets."""

from __future__ import annotations

import math

import pytest
import torch
from kit.networks import branches, randomise
from torch import nn

from afdcli.constants import GRID_CHANNELS
from afdcli.core import PRESETS, AFDConfig, AFDModule, RepConv, preset
from afdcli.core.cost import random_inputs
from afdcli.core.fde import signed_log1p
from afdcli.errors import ModuleError
from afdcli.view import spec


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("channels", "unshuffle"), [(32, 1), (3, 2)])
def test_module_fuses_exactly(name: str, last: bool, channels: int, unshuffle: int) -> None:
    config = preset(
        name, channels, unshuffle=unshuffle, activation="none", plug_stride=3 - unshuffle
    )
    module = AFDModule(config).eval()
    randomise(module)
    branches(module)
    x, grid, file_context = (t[:1] for t in random_inputs(config))
    x = x[..., :57, :45]  # odd, so that the U-Net pads
    grid = grid[..., :8, :6]
    fused = module.reparameterize()
    if last:
        module, fused = (m.to(memory_format=torch.channels_last) for m in (module, fused))
        x = x.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected, got = module(x, grid, file_context), fused(x, grid, file_context)
    assert expected.shape == x.shape
    assert (expected - x).abs().max() > 0.01, "the module must do something, or this shows nothing"
    assert torch.allclose(expected, got, atol=1e-5, rtol=0)
    assert not any(isinstance(child, RepConv) for child in fused.modules())
    assert any(isinstance(child, RepConv) for child in module.modules()), "the original is kept"


def test_untrained_module_is_the_identity() -> None:
    module = AFDModule(preset("paper", 24))
    x, grid, file_context = random_inputs(module.config)
    assert torch.equal(module(x, grid, file_context), x)


@pytest.mark.parametrize("size", [(56, 56), (149, 149), (1, 1), (14, 14), (55, 90)])
@pytest.mark.parametrize("name", PRESETS)
def test_any_size(size: tuple[int, int], name: str) -> None:
    module = AFDModule(preset(name, 8)).eval()
    randomise(module)
    with torch.inference_mode():
        y = module(torch.randn(2, 8, *size), torch.randn(2, 384, 38, 38), torch.rand(2, 197))
    assert y.shape == (2, 8, *size)


def test_drifting_map_is_registered_where_the_view_is_no_multiple_of_8() -> None:
    """A view of 299 has 38 cells, the last one cut: cell k must still lie at features 4 k."""
    module = AFDModule(preset("paper", 1, hidden=(4, 4)))
    assert module.fde is not None

    class Ramp(nn.Module):
        def forward(self, grid: torch.Tensor, file_context: torch.Tensor) -> torch.Tensor:
            return grid[:, :1]

    module.fde = Ramp()  # type: ignore[assignment]
    centres = torch.arange(38, dtype=torch.float32) * 8 + 4  # of the cells, view pixels
    grid = centres.expand(1, 1, 38, 38)
    fdm = module.drifting_map(grid, torch.zeros(1, 197), (149, 149), view=(299, 299))
    positions = (torch.arange(149) + 0.5) * 299 / 149  # of the features, view pixels
    inside = slice(3, 145)
    # Sizes are whole features: up to half a feature, one view pixel, is lost to rounding.
    assert (fdm[0, 0, 0, inside] - positions[inside]).abs().max() < 1


@pytest.mark.parametrize("size", [(112, 112), (149, 149), (14, 14), (55, 90)])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_guide_takes_part_at_any_size(size: tuple[int, int], stride: int) -> None:
    module = AFDModule(AFDConfig(channels=8, guide=True, stride=stride)).eval()
    randomise(module)
    x, file_context = torch.randn(2, 8, *size), torch.rand(2, 197)
    view = (2 * size[0], 2 * size[1])
    cells = (-(-view[0] // 8), -(-view[1] // 8))
    grid = 50 * torch.randn(2, 384, *cells)
    with torch.inference_mode():
        y = module(x, grid, file_context, view)
        assert module.fe.guide is not None
        for weights in module.fe.guide.parameters():
            weights.zero_()
        unguided = module(x, grid, file_context, view)
    assert y.shape == x.shape
    assert not torch.allclose(y, unguided)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_output_is_the_papers_equation(stride: int) -> None:
    module = AFDModule(AFDConfig(channels=8, stride=stride)).eval()
    randomise(module)
    x, grid, file_context = (
        torch.randn(2, 8, 64, 48),
        50 * torch.randn(2, 384, 16, 12),
        torch.rand(2, 197),
    )
    with torch.inference_mode():
        fdm = module.drifting_map(grid, file_context, (64 // stride, 48 // stride))
        correction = module.fe(x) * fdm
        if stride > 1:
            correction = nn.functional.interpolate(correction, scale_factor=stride, mode="bilinear")
        expected = (correction + x).relu()
        assert (module(x, grid, file_context) - expected).abs().max() < 1e-5


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_reads_every_place(name: str) -> None:
    """A change at any one place of the features changes the correction somewhere."""
    module = AFDModule(preset(name, 4)).eval()
    randomise(module)
    x = torch.randn(1, 4, 32, 32, requires_grad=True)
    module.fe(x).square().sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).flatten(0, 1).any(0).all()


def test_strides_that_skip_places_are_refused() -> None:
    with pytest.raises(ValueError, match="stride of 1 or 2, not 4"):
        RepConv(4, 4, stride=4)
    with pytest.raises(ModuleError, match="must be 1, 2 or 4"):
        AFDModule(AFDConfig(channels=4, stride=3))


def test_gates() -> None:
    grid, file_context = torch.randn(2, 384, 28, 28), torch.rand(2, 197)
    shapes = {"spatial": (2, 8, 112, 112), "channel": (2, 8, 1, 1), "none": (1, 1, 1, 1)}
    for gate, shape in shapes.items():
        module = AFDModule(AFDConfig(channels=8, gate=gate))  # type: ignore[arg-type]
        with torch.inference_mode():
            fdm = module.drifting_map(grid, file_context, (112, 112))
        assert fdm.shape == shape
        assert 0 <= float(fdm.min()) <= float(fdm.max()) <= 1


def test_parameter_count_of_the_paper_preset() -> None:
    """119,800 in the paper; ours reads 386 more inputs per cell and file, see architecture.md."""
    fused = AFDModule(preset("paper", 64)).reparameterize()
    total = sum(p.numel() for p in fused.parameters())
    fe = sum(p.numel() for p in fused.fe.parameters())
    assert fused.fde is not None
    fde = sum(p.numel() for p in fused.fde.parameters())
    assert (fe, fde, total) == (78_720, 86_912, 165_632)
    # The paper's FDE-Net has 37,120: without root mean squares (192) and file context (197).
    assert fde - 128 * (192 + 197) == 37_120


def test_pico_reads_the_root_mean_squares_only() -> None:
    assert GRID_CHANNELS == spec.GRID_CHANNELS
    module = AFDModule(preset("light", 12)).eval()
    randomise(module)
    x, grid, file_context = random_inputs(module.config)[:3]
    means, sizes = grid.clone(), grid.clone()
    means[:, :192] += 50
    sizes[:, 192:] += 50
    with torch.inference_mode():
        y = module(x, grid, file_context)
        assert torch.equal(module(x, means, file_context), y)
        assert not torch.allclose(module(x, sizes, file_context), y)


def test_unknown_preset_is_named() -> None:
    with pytest.raises(ModuleError, match="no preset 'huge'"):
        preset("huge", 3)


def test_logarithms_of_the_grid_keep_sign_and_scale_in_half_precision_too() -> None:
    grid = torch.tensor([-1024.0, -3.0, -0.01, 0.0, 0.5, 16.0, 1024.0])
    exact = grid.double().sign() * grid.double().abs().log1p() / math.log(1025)
    before = grid.clone()
    assert torch.allclose(signed_log1p(grid).double(), exact, atol=5e-4)
    assert torch.equal(grid, before), "the grid itself must stay"
    half = signed_log1p(grid.half())
    assert half.dtype == torch.float16 and torch.allclose(half.double(), exact, atol=2e-3)

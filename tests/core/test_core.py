"""The AFD module: exact fusing, identity at the start, any size, round trips, angles."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from afdcli.constants import GRID_CHANNELS
from afdcli.core import (
    PRESETS,
    AFDConfig,
    AFDModule,
    RepConv,
    dct_angle,
    feature_angle,
    preset,
    weights_file,
)
from afdcli.core.config import NormLayer, Stage
from afdcli.core.cost import AllOutputs, random_inputs
from afdcli.core.fde import signed_log1p
from afdcli.core.film import apply_film
from afdcli.core.weights_file import fuse_file
from afdcli.errors import ModuleError
from afdcli.view import spec


def randomise(net: nn.Module, seed: int = 0, std: float = 0.08) -> None:
    """Random weights *and* biases: zero biases would hide what happens at the border."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)


def branches(net: nn.Module) -> None:
    for child in net.modules():
        if isinstance(child, RepConv):
            child.fold = False


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
    stride=st.sampled_from([1, 2]),
    height=st.integers(1, 11),
    width=st.integers(1, 11),
    seed=st.integers(0, 1000),
    last=st.booleans(),
)
def test_repconv_fuses_exactly(
    inputs: int, outputs: int, stride: int, height: int, width: int, seed: int, last: bool
) -> None:
    block = RepConv(inputs, outputs, stride, fold=False)
    randomise(block, seed, std=0.3)
    x = torch.randn(2, inputs, height, width, generator=torch.Generator().manual_seed(seed + 1))
    if last:
        x = x.to(memory_format=torch.channels_last)
        block = block.to(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = block(x)
        fused = block.reparameterize()(x)
        block.fold = True
        folded = block(x)
    assert expected.shape == fused.shape
    assert torch.allclose(fused, expected, atol=1e-5, rtol=0)
    assert torch.allclose(folded, expected, atol=1e-5, rtol=0)


def test_repconv_is_its_formula_in_the_middle() -> None:
    """Away from the border: conv3x3(conv1x1(x)) + conv1x1(conv3x3(x)) + conv1x1(x)."""
    block = RepConv(3, 5, fold=False)
    randomise(block)
    x = torch.randn(1, 3, 12, 12)
    first = nn.functional.conv2d(
        block.squeeze_1x1(x), block.squeeze_3x3.weight, block.squeeze_3x3.bias, padding=1
    )
    formula = first + block.expand_1x1(block.expand_3x3(x)) + block.point(x)
    assert torch.allclose(block(x)[..., 1:-1, 1:-1], formula[..., 1:-1, 1:-1], atol=1e-5)


def test_folded_training_has_the_gradients_of_the_branches() -> None:
    gradients = []
    for fold in (False, True):
        block = RepConv(4, 6, fold=fold)
        randomise(block)
        x = torch.randn(2, 4, 9, 9, generator=torch.Generator().manual_seed(5))
        block(x).square().sum().backward()
        gradients.append([p.grad for p in block.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4)


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


def test_a_module_of_the_old_pico_is_refused_in_a_line(tmp_path: Path) -> None:
    module = AFDModule(preset("pico", 4))
    old = {k: v for k, v in module.state_dict().items() if "halve" not in k}
    file = tmp_path / "old.safetensors"
    save_file(old, file, {"afd_config": module.config.to_json()})
    with pytest.raises(ModuleError, match="older afd, whose preset pico skipped"):
        weights_file.load(file)


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


def test_save_and_load(tmp_path: Path) -> None:
    module = AFDModule(preset("nano", 12, activation="relu6", gate="channel")).eval()
    randomise(module)
    weights_file.save(module, tmp_path / "m.safetensors", {"plug": "stem"})
    loaded, metadata = weights_file.load(tmp_path / "m.safetensors")
    assert loaded.config == module.config
    assert metadata == {"plug": "stem"}
    inputs = random_inputs(module.config)
    with torch.inference_mode():
        assert torch.equal(loaded(*inputs), module(*inputs))


STAGES = (Stage("layer1", 24, 4, "relu"), Stage("layer3", 40, 16, "none"))


@pytest.mark.parametrize("changes", [{}, {"gate": "channel"}, {"gate": "none"}, {"block": "conv"}])
def test_stages_are_saved_fused_and_the_identity_at_first(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    module = AFDModule(preset("nano", 12, STAGES, **changes)).eval()
    inputs = random_inputs(module.config, 1)
    assert [x.shape[1] for x in inputs[3:]] == [24, 40]
    with torch.inference_mode():
        restored = AllOutputs(module)(*inputs)
        for x, y in zip((inputs[0], *inputs[3:]), restored, strict=True):
            assert torch.equal(x, y)
        randomise(module)
        branches(module)
        expected = AllOutputs(module)(*inputs)
        weights_file.save(module, tmp_path / "m.safetensors")
        loaded, _ = weights_file.load(tmp_path / "m.safetensors")
        assert loaded.config.stages == STAGES
        fused = loaded.reparameterize()
        got = AllOutputs(fused)(*inputs)
    assert not any(isinstance(child, RepConv) for child in fused.modules())
    for x, a, b in zip((inputs[0], *inputs[3:]), expected, got, strict=True):
        assert not torch.allclose(x, a, atol=1e-3)
        assert torch.allclose(a, b, atol=1e-5, rtol=1e-5)


def test_a_stage_whose_gate_is_closed_changes_nothing() -> None:
    module = AFDModule(preset("nano", 12, STAGES)).eval()
    randomise(module)
    _, grid, file_context, *deep = random_inputs(module.config, 1)
    gate = module.adapters[0].gate
    with torch.inference_mode():
        known = module.estimate_damage(grid, file_context)
        assert not torch.equal(module.restore_stage(0, deep[0], known), deep[0])
        gate.weight.zero_()
        gate.bias.fill_(-1e4)
        assert torch.equal(module.restore_stage(0, deep[0], known), deep[0])


PLACES = (NormLayer("layer1.0.bn1", 5), NormLayer("layer2.0.bn2", 7))


def test_modulations_are_saved_and_the_identity_at_first(tmp_path: Path) -> None:
    module = AFDModule(preset("nano", 12, (), PLACES, film_width=3)).eval()
    _, grid, file_context = random_inputs(module.config, 2)
    x = torch.randn(2, 5, 4, 6)
    with torch.inference_mode():
        known = module.estimate_damage(grid, file_context)
        for scale, shift in module.scales_and_shifts(known):
            assert not scale.any()
            assert not shift.any()
        assert torch.equal(apply_film(x, *module.scales_and_shifts(known)[0]), x)
        randomise(module)
        weights_file.save(module, tmp_path / "m.safetensors")
        loaded, _ = weights_file.load(tmp_path / "m.safetensors")
        assert loaded.config.norm_layers == PLACES
        known = module.estimate_damage(grid, file_context)
        pairs = zip(module.scales_and_shifts(known), loaded.scales_and_shifts(known), strict=True)
        for place, (mine, theirs) in zip(PLACES, pairs, strict=True):
            for a, b in zip(mine, theirs, strict=True):
                assert a.shape == (2, place.channels, 1, 1)
                assert torch.equal(a, b)
        scale, shift = module.scales_and_shifts(known)[0]
        assert torch.allclose(apply_film(x, scale, shift), x * (1 + scale) + shift, atol=1e-5)
        assert not torch.allclose(scale[0], scale[1])  # each picture has its own


def test_a_picture_of_which_nothing_is_known_is_not_modulated() -> None:
    module = AFDModule(preset("nano", 12, (), PLACES, film_width=3)).eval()
    randomise(module)
    with torch.inference_mode():
        module.film.bottleneck.bias.fill_(-1e4)  # all of the few numbers are 0
        known = module.estimate_damage(*random_inputs(module.config, 1)[1:3])
        assert not any(v.any() for pair in module.scales_and_shifts(known) for v in pair)
    assert AFDModule(preset("nano", 12, (), PLACES, film_width=0)).scales_and_shifts(known) == []


def test_pico_reads_the_root_mean_squares_only() -> None:
    assert GRID_CHANNELS == spec.GRID_CHANNELS
    module = AFDModule(preset("pico", 12)).eval()
    randomise(module)
    x, grid, file_context = random_inputs(module.config)[:3]
    means, sizes = grid.clone(), grid.clone()
    means[:, :192] += 50
    sizes[:, 192:] += 50
    with torch.inference_mode():
        y = module(x, grid, file_context)
        assert torch.equal(module(x, means, file_context), y)
        assert not torch.allclose(module(x, sizes, file_context), y)


def test_only_presets_with_a_width_for_stages_take_them() -> None:
    assert preset("paper", 64, STAGES).stages == ()
    config = preset("small", 64, STAGES)
    assert config.stages == STAGES
    assert [config.adapter_width_at(stage) for stage in STAGES] == [32, 128]


def test_load_refuses_what_is_no_module(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    missing = tmp_path / "missing.safetensors"
    with pytest.raises(ModuleError, match="does not exist"):
        weights_file.load(missing)
    text = tmp_path / "text.safetensors"
    text.write_text("no tensors")
    with pytest.raises(ModuleError, match="not a readable safetensors"):
        weights_file.load(text)
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    with pytest.raises(ModuleError, match="no AFD module"):
        weights_file.load(other)
    damaged = tmp_path / "damaged.safetensors"
    save_file({"a": torch.zeros(1)}, damaged, {"afd_config": '{"channels": 3'})
    with pytest.raises(ModuleError, match="configuration is damaged"):
        weights_file.load(damaged)
    newer = tmp_path / "newer.safetensors"
    save_file(
        {"a": torch.zeros(1)}, newer, {"afd_config": '{"channels": 3, "hidden": [1, 1], "x": 1}'}
    )
    with pytest.raises(ModuleError, match="newer afd"):
        weights_file.load(newer)


def test_fuse_file_refuses_a_fused_module(tmp_path: Path) -> None:
    module = AFDModule(preset("nano", 4))
    randomise(module)
    weights_file.save(module, tmp_path / "m.safetensors", {"plug": "input"})
    result = fuse_file(tmp_path / "m.safetensors", tmp_path / "f.safetensors")
    assert result.difference <= 1e-5
    assert result.after.parameters < result.before.parameters
    fused, metadata = weights_file.load(tmp_path / "f.safetensors")
    assert fused.config.fused
    assert metadata["plug"] == "input"
    with pytest.raises(ModuleError, match="nothing to fuse"):
        fuse_file(tmp_path / "f.safetensors", tmp_path / "g.safetensors")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(degrees=st.floats(0.001, 179.9), scale=st.floats(0.01, 100))
def test_angle_is_the_angle(degrees: float, scale: float) -> None:
    theta = math.radians(degrees)
    a = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).view(1, 3, 1, 1)
    b = scale * torch.tensor([math.cos(theta), math.sin(theta), 0.0], dtype=torch.float64)
    assert float(feature_angle(a, b.view(1, 3, 1, 1))) == pytest.approx(degrees, rel=1e-6)


def test_angle_of_nothing_is_zero() -> None:
    a = torch.randn(1, 192, 2, 2)
    assert torch.equal(dct_angle(a, torch.zeros_like(a)), torch.zeros(1, 2, 2))
    assert torch.equal(dct_angle(a, a), torch.zeros(1, 2, 2))


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

"""Stage adapters and FiLM."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kit.networks import branches, randomise

from afdcli.core import AFDModule, RepConv, preset, weights_file
from afdcli.core.config import NormLayer, Stage
from afdcli.core.cost import AllOutputs, random_inputs
from afdcli.core.film import apply_film

STAGES = (Stage("layer1", 24, 4, "relu"), Stage("layer3", 40, 16, "none"))


@pytest.mark.parametrize("changes", [{}, {"gate": "channel"}, {"gate": "none"}, {"block": "conv"}])
def test_stages_are_saved_fused_and_the_identity_at_first(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    module = AFDModule(preset("light", 12, STAGES, **changes)).eval()
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
    module = AFDModule(preset("light", 12, STAGES)).eval()
    randomise(module)
    _, grid, file_context, *deep = random_inputs(module.config, 1)
    gate = module.adapters[0].gate
    with torch.inference_mode():
        known = module.estimate_damage(grid, file_context)
        assert not torch.equal(module.restore_stage(0, deep[0], known), deep[0])
        gate.weight.zero_()
        gate.bias.fill_(-1e4)
        assert torch.equal(module.restore_stage(0, deep[0], known), deep[0])


NORM_LAYERS = (NormLayer("layer1.0.bn1", 5), NormLayer("layer2.0.bn2", 7))


def test_film_is_saved_and_the_identity_at_first(tmp_path: Path) -> None:
    module = AFDModule(preset("light", 12, (), NORM_LAYERS, film_width=9)).eval()
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
        assert loaded.config.norm_layers == NORM_LAYERS
        known = module.estimate_damage(grid, file_context)
        pairs = zip(module.scales_and_shifts(known), loaded.scales_and_shifts(known), strict=True)
        for layer, (mine, theirs) in zip(NORM_LAYERS, pairs, strict=True):
            for a, b in zip(mine, theirs, strict=True):
                assert a.shape == (2, layer.channels, 1, 1)
                assert torch.equal(a, b)
        scale, shift = module.scales_and_shifts(known)[0]
        assert torch.allclose(apply_film(x, scale, shift), x * (1 + scale) + shift, atol=1e-5)
        assert not torch.equal(scale[0], scale[1])  # each picture has its own


def test_a_picture_of_which_nothing_is_known_is_not_modulated() -> None:
    module = AFDModule(preset("light", 12, (), NORM_LAYERS, film_width=3)).eval()
    randomise(module)
    with torch.inference_mode():
        module.film.bottleneck.bias.fill_(-1e4)  # all of the few numbers are 0
        known = module.estimate_damage(*random_inputs(module.config, 1)[1:3])
        assert not any(v.any() for pair in module.scales_and_shifts(known) for v in pair)
    assert (
        AFDModule(preset("light", 12, (), NORM_LAYERS, film_width=0)).scales_and_shifts(known) == []
    )


def test_only_presets_with_a_width_for_stages_take_them() -> None:
    assert preset("paper", 64, STAGES).stages == ()
    config = preset("best", 64, STAGES)
    assert config.stages == STAGES
    assert [config.adapter_width_at(stage) for stage in STAGES] == [24, 96]

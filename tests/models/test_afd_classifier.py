"""A classifier with its module: both answers, and what takes part."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kit.plugged import batch, module_file, small_backbone

from afdcli.core.fde import signed_log1p
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import find_module


@pytest.mark.parametrize("plug", ["stem", "stages", "input"])
def test_compare_gives_both_runs(tmp_path: Path, plug: str) -> None:
    backbone = small_backbone()
    file = module_file(tmp_path, backbone, plug)
    inputs = batch()
    with torch.inference_mode():
        plain = AFDClassifier(backbone, None)(*inputs)
        alone = AFDClassifier(backbone, find_module(str(file), backbone))(*inputs)
        both = AFDClassifier(backbone, find_module(str(file), backbone), compare=True)(*inputs)
    assert plain.direct is None
    assert plain.drift is None
    assert both.direct is not None
    assert torch.allclose(both.direct, plain.logits, atol=1e-4)
    assert torch.allclose(both.logits, alone.logits, atol=1e-4)
    assert not torch.allclose(both.logits, both.direct, atol=2e-3)
    assert alone.drift is not None
    assert alone.drift.shape == (3,)
    assert (alone.drift > 0).all()


def test_a_grid_of_logarithms_gives_the_same(tmp_path: Path) -> None:
    backbone = small_backbone()
    loaded = find_module(str(module_file(tmp_path, backbone, "stages")), backbone)
    network = AFDClassifier(backbone, loaded).eval()
    pixels, grid, file_context = batch()
    with torch.inference_mode():
        expected = network(pixels, grid, file_context).logits
        network.take_log_grid()
        logarithms = signed_log1p(grid[:, -network.grid_channels :])
        assert torch.equal(network(pixels, logarithms, file_context).logits, expected)


def test_plain_logits_are_the_networks_own(tmp_path: Path) -> None:
    backbone = small_backbone()
    pixels, grid, file_context = batch()
    x = (pixels.permute(0, 3, 1, 2).float() / 255 - 0.4) / 0.2
    with torch.inference_mode():
        assert torch.allclose(
            AFDClassifier(backbone, None)(pixels, grid, file_context).logits,
            backbone.net(x),
            atol=1e-5,
        )


@pytest.mark.parametrize("part", ["film", "stages"])
def test_what_is_behind_the_stem_takes_part(tmp_path: Path, part: str) -> None:
    """Without it, the same module gives other logits."""
    backbone = small_backbone()
    loaded = find_module(str(module_file(tmp_path, backbone, "stages")), backbone)
    assert loaded is not None
    module, inputs = loaded.module, batch()
    ends = [module.film.to_scale_shift] if part == "film" else [s.up for s in module.adapters]
    with torch.inference_mode():
        whole = AFDClassifier(backbone, loaded)(*inputs).logits
        for layer in ends:
            layer.weight.zero_()
        assert not torch.allclose(AFDClassifier(backbone, loaded)(*inputs).logits, whole, atol=1e-3)

"""Module files of strangers: all of the configuration is checked before anything is built."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from afdcli.core import PRESETS, AFDModule, preset, weights_file
from afdcli.core.config import NormLayer, Stage
from afdcli.core.config_json import read_config
from afdcli.core.cost import AllOutputs, random_inputs
from afdcli.errors import ModuleError

STAGES = (Stage("layer1", 16, 4, "relu"), Stage("layer2", 32, 8, "none"))
NORM_LAYERS = (NormLayer("layer3.bn", 64), NormLayer("layer4.bn", 64))


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_survives_its_text(name: str) -> None:
    config = preset(name, 32, STAGES, NORM_LAYERS, activation="relu6")
    assert read_config(config.to_json()) == config
    fused = replace(config, fused=True, unshuffle=2, guide=True, block="conv")
    assert read_config(fused.to_json()) == fused


def test_the_names_of_older_files_are_understood() -> None:
    config = preset("best", 32, STAGES, NORM_LAYERS)
    old = {"film_width": "rank", "norm_layers": "places", "adapter_width": "stage_width"}
    old["context_channels"] = "side_channels"
    values = json.loads(config.to_json())
    assert set(old) < set(values)
    renamed = {old.get(name, name): value for name, value in values.items()}
    assert read_config(json.dumps(renamed)) == config
    with pytest.raises(ModuleError, match="unknown settings: 'rank'"):
        read_config(json.dumps({**values, "rank": 1}))


def changed(**fields: Any) -> str:
    values = json.loads(preset("best", 32, STAGES, NORM_LAYERS).to_json())
    return json.dumps({**values, **fields})


HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("channels", {"channels": 0}),
    ("channels", {"channels": 10**9}),
    ("channels", {"channels": True}),
    ("channels", {"channels": 3.0}),
    ("channels", {"channels": "3"}),
    ("plug_stride", {"plug_stride": 0}),
    ("width", {"width": -1}),
    ("width", {"width": None}),
    ("width", {"width": float("nan")}),
    ("width", {"width": float("inf")}),
    ("stride", {"stride": 0}),
    ("stride", {"stride": 3}),
    ("stride", {"stride": True}),
    ("hidden", {"hidden": [1, 2, 3]}),
    ("hidden", {"hidden": [1]}),
    ("hidden", {"hidden": [1, 10**12]}),
    ("hidden", {"hidden": 7}),
    ("hidden", {"hidden": {"a": 1}}),
    ("gate", {"gate": "evil"}),
    ("gate", {"gate": ["spatial"]}),
    ("adapter_width", {"adapter_width": 10**6}),
    ("adapter_width", {"adapter_width": 0}),
    ("stages", {"stages": "layer1"}),
    ("stages", {"stages": [{}] * 513}),
    ("Stage", {"stages": ["layer1"]}),
    ("channels is missing", {"stages": [{"where": "a", "stride": 4, "activation": "relu"}]}),
    ("film_width", {"film_width": 0}),
    ("film_width", {"film_width": -16}),
    ("norm_layers", {"norm_layers": {"where": "a"}}),
    ("where", {"norm_layers": [{"where": "", "channels": 3}]}),
    ("where", {"norm_layers": [{"where": 3, "channels": 3}]}),
    ("where", {"norm_layers": [{"where": "x" * 1000, "channels": 3}]}),
    ("channels", {"norm_layers": [{"where": "a", "channels": 0}]}),
    ("listed twice", {"norm_layers": [{"where": "a", "channels": 3}] * 2}),
    ("guide", {"guide": 1}),
    ("block", {"block": "exec"}),
    ("activation", {"activation": "gelu"}),
    ("unshuffle", {"unshuffle": 0}),
    ("unshuffle", {"unshuffle": 1000}),
    ("coefficients", {"coefficients": "/etc/passwd"}),
    ("grid_channels", {"grid_channels": 0}),
    ("context_channels", {"context_channels": 10**6}),
    ("fused", {"fused": "no"}),
]


@pytest.mark.parametrize(("named", "fields"), HOSTILE)
def test_a_field_out_of_range_is_named_in_one_short_line(
    named: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(ModuleError, match=named) as caught:
        read_config(changed(**fields))
    assert "damaged" in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text",
    ["", "7", "null", "[]", '{"channels": 3', "[" * 200_000, '{"a":' * 200_000, "{}", "9" * 10_000],
)
def test_text_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ModuleError, match="configuration is damaged"):
        read_config(text)


def test_a_text_without_end_is_refused() -> None:
    with pytest.raises(ModuleError, match="characters long"):
        read_config(" " * 2_000_000 + changed())


def saved(tmp_path: Path, text: str, **tensors: torch.Tensor) -> Path:
    module = AFDModule(preset("light", 4))
    file = tmp_path / "m.safetensors"
    save_file({**module.state_dict(), **tensors}, file, {"afd_config": text})
    return file


NANO = preset("light", 4)


def test_a_small_file_cannot_ask_for_much_memory(tmp_path: Path) -> None:
    big = replace(NANO, channels=16384, width=512, unshuffle=4)  # 70 GB, if it were built
    with pytest.raises(ModuleError, match="does not hold what its configuration says"):
        weights_file.load(saved(tmp_path, big.to_json()))


def test_other_tensors_are_refused(tmp_path: Path) -> None:
    text = NANO.to_json()
    loaded, _ = weights_file.load(saved(tmp_path, text))
    assert loaded.config == NANO
    extra = saved(tmp_path, text, evil=torch.zeros(1))
    with pytest.raises(ModuleError, match="has a needless 'evil'"):
        weights_file.load(extra)
    name = next(iter(loaded.state_dict()))
    for value, message in (
        (torch.zeros(1), "has shape"),
        (torch.zeros_like(loaded.state_dict()[name]).int(), "not of floating point"),
        (torch.full_like(loaded.state_dict()[name], float("nan")), "contains NaN or infinity"),
    ):
        with pytest.raises(ModuleError, match=message):
            weights_file.load(saved(tmp_path, text, **{name: value}))
    with pytest.raises(ModuleError, match="not a readable safetensors file"):
        weights_file.load(tmp_path)


def test_a_loaded_module_does_not_change_with_its_file(tmp_path: Path) -> None:
    file = saved(tmp_path, NANO.to_json())
    loaded, _ = weights_file.load(file)
    before = {name: tensor.clone() for name, tensor in loaded.state_dict().items()}
    file.write_bytes(b"\0" * file.stat().st_size)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert tensor.dtype == torch.float32


def test_the_tensors_of_older_files_are_found(tmp_path: Path) -> None:
    module = AFDModule(preset("light", 4, STAGES, NORM_LAYERS)).eval()
    for value in module.state_dict().values():
        value.uniform_(-0.1, 0.1)
    old = {
        "fde.context": "fde.file",
        "film.to_scale_shift": "modulation.spread",
        "film.bottleneck": "modulation.summary",
        "adapters": "stages",
    }
    tensors = {}
    for name, value in module.state_dict().items():
        start = next((new for new in old if name.startswith(f"{new}.")), "")
        tensors[old.get(start, start) + name.removeprefix(start)] = value
    assert sum(name in module.state_dict() for name in tensors) < len(tensors) - 10
    file = tmp_path / "old.safetensors"
    save_file(tensors, file, {"afd_config": module.config.to_json()})
    loaded, _ = weights_file.load(file)
    inputs = random_inputs(module.config)
    with torch.inference_mode():
        for mine, theirs in zip(
            AllOutputs(module)(*inputs), AllOutputs(loaded)(*inputs), strict=True
        ):
            assert torch.equal(mine, theirs)

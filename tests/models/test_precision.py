"""Precision is chosen by the machine."""

from __future__ import annotations

import pytest
import torch

from afdcli.errors import UsageError
from afdcli.models import precision
from afdcli.models.precision import bf16_is_faster, choose_precision


def test_precision_is_chosen_by_the_machine_and_checked() -> None:
    assert choose_precision("fp32", "cpu") == torch.float32
    assert choose_precision("bf16", "cpu") == torch.bfloat16
    faster = bf16_is_faster("cpu")
    assert choose_precision("auto", "cpu") == (torch.bfloat16 if faster else torch.float32)
    assert choose_precision("auto", "mps") == torch.float32
    with pytest.raises(UsageError, match="choose auto, fp32"):
        choose_precision("int8", "cpu")
    with pytest.raises(UsageError, match="needs a CUDA device"):
        choose_precision("fp16", "cpu")


@pytest.mark.parametrize(
    ("vectors", "tiles", "maker", "chosen"),
    [
        (False, False, "GenuineIntel", torch.float32),
        (False, False, "AuthenticAMD", torch.float32),
        (True, True, "GenuineIntel", torch.bfloat16),
        (True, False, "GenuineIntel", torch.float32),
        (True, False, "AuthenticAMD", torch.bfloat16),
        (True, False, "", torch.float32),
    ],
)
def test_auto_precision_follows_from_the_processor_alone(
    vectors: bool, tiles: bool, maker: str, chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command computes the same way every time: nothing is measured."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vectors)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    monkeypatch.setattr(precision, "_maker", lambda: maker)
    assert {choose_precision("auto", "cpu") for _ in range(20)} == {chosen}

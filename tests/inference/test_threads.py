"""Rows are the same on one core and on several, and from several threads at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from kit.classify import of_kit, table

from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import find_module
from afdcli.models.loader import load_backbone


@pytest.mark.slow
def test_passes_in_two_threads_do_not_see_each_other() -> None:
    """All run on one network, whose hooks at stem, stages and normalisations tell them apart."""
    backbone = load_backbone()
    loaded = find_module("auto", backbone)
    assert loaded is not None and loaded.plug == "stem"
    network = AFDClassifier(backbone, loaded, compare=True).eval()
    torch.manual_seed(0)
    batches = [
        (
            torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8),
            50 * torch.randn(2, 384, 8, 8),
            5 * torch.rand(2, 197),
        )
        for _ in range(24)
    ]

    @torch.inference_mode()
    def answer(number: int) -> torch.Tensor:
        prediction = network(*batches[number % len(batches)])
        assert prediction.drift is not None
        return torch.cat((prediction.logits, prediction.drift[:, None]), 1)

    expected = [answer(n) for n in range(len(batches))]
    with ThreadPoolExecutor(4) as pool:
        for n, found in enumerate(pool.map(answer, range(8 * len(batches)))):
            assert torch.allclose(found, expected[n % len(batches)], atol=1e-4)


@pytest.mark.slow
def test_compiled_rows_on_one_core_are_those_on_two(kit: Path, photos: Path) -> None:
    """Without ``--compile``: tests/end_to_end/test_same_rows.py."""
    line = [sys.executable, "-m", "afdcli", "classify", "photos", "--batch-size", "3"]
    line += ["--compare", "--runtime", "torch", "--precision", "fp32"]
    line += [*map(str, of_kit(kit)), "--compile"]
    for threads in ("1", "2"):
        # The compiler's own helper processes would load torch as well.
        settings = [f"OMP_NUM_THREADS={threads}", "TORCHINDUCTOR_COMPILE_THREADS=1"]
        command = ["env", *settings, *line, "--out", f"{threads}.csv"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr  # some of the photos are broken
    one, two = table(Path("1.csv")), table(Path("2.csv"))
    assert one["label"].equals(two["label"])
    assert (one["prob"] - two["prob"]).abs().max() < 1e-3
    assert (one["drift"] - two["drift"]).abs().max() < 1e-2

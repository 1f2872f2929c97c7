"""Rows are the same on one core and on several, and from several threads at once.

Nothing here loads OpenVINO into the test process: such tests go last, see tests/conftest.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from kit.classify import afd, of_kit, table

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
        for _ in range(12)
    ]

    @torch.inference_mode()
    def answer(number: int) -> torch.Tensor:
        prediction = network(*batches[number % len(batches)])
        assert prediction.drift is not None
        return torch.cat((prediction.logits, prediction.drift[:, None]), 1)

    expected = [answer(n) for n in range(len(batches))]
    with ThreadPoolExecutor(4) as pool:
        for n, found in enumerate(pool.map(answer, range(4 * len(batches)))):
            assert torch.allclose(found, expected[n % len(batches)], atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_compiled_rows_are_those_of_torch_on_one_core_and_on_two(kit: Path, photos: Path) -> None:
    """Without ``--compile``: tests/end_to_end/test_same_rows.py."""
    both = ("--compare", "--precision", "fp32")
    afd(kit, photos, *both, "--out", "plain.csv")
    plain = table(Path("plain.csv"))
    # In processes of their own, as users have it: after OpenVINO and torch's compiler in one
    # process, a signal that Python handles ends it (SIGSEGV).
    line = [sys.executable, "-m", "afdcli", "classify", "photos", "--batch-size", "3", *both]
    line += ["--runtime", "torch", *map(str, of_kit(kit)), "--compile", "--workers", "1"]
    for threads in ("1", "2"):
        # The compiler's own helper processes would load torch as well.
        settings = [f"OMP_NUM_THREADS={threads}", "TORCHINDUCTOR_COMPILE_THREADS=1"]
        command = ["env", *settings, *line, "--out", f"{threads}.csv"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr  # some of the photos are broken
        rows = table(Path(f"{threads}.csv"))
        assert rows["label"].equals(plain["label"])
        assert rows["direct_label"].equals(plain["direct_label"])
        for column in ("prob", "direct_prob"):
            assert np.allclose(rows[column], plain[column], atol=1e-4, equal_nan=True), column
        assert np.allclose(rows["drift"], plain["drift"], atol=1e-2, equal_nan=True)


_MANY_AT_ONCE = """
import sys
import numpy as np
import torch
from afdcli.models.loader import load_backbone
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.inference.runtime import run_somewhere

torch.set_num_threads(8)
classifier = AFDClassifier(load_backbone("tiny_test_net", imports=[sys.argv[1]]), None).eval()
network = run_somewhere(classifier, "openvino", "cpu").network
sys.setswitchinterval(1e-6)
pixels = np.zeros((8, 64, 64, 3), np.uint8)
grid, file_context = np.zeros((8, 384, 8, 8), np.float32), np.zeros((8, 197), np.float32)
print(len(network(pixels, grid, file_context).logits))
"""


def test_threads_that_meet_in_openvino_for_the_first_time_do_not_wait_for_ever(
    kit: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    line = [sys.executable, "-c", _MANY_AT_ONCE, str(kit / "tiny_models.py")]
    run = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert run.stdout.split() == ["8"], run.stderr

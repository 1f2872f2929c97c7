"""A type checker knows the Python API: it accepts what works, and finds what does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RIGHT = """
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch.utils.data import DataLoader

import afdcli
from afdcli import Classifier, Picture, read_results

classify = Classifier("resnet50", topk=5, checkpoint="w.safetensors", imports="mine.py")
pictures: list[Picture] = ["a.jpg", Path("b.jpg"), b"", Image.new("RGB", (8, 8))]
pictures += [np.zeros((8, 8, 3), np.uint8)]
rows = classify(pictures, names=["a", "b", "c", "d", "e"])
sure = [row["path"] for row in rows if row["status"] == "ok" and row["prob"] > 0.5]
one = classify("a.jpg")[0]["label"]
best = classify.frame(Path("photos").glob("*.jpg")).groupby("label")["prob"].max()
table = read_results("results.csv")

net = afdcli.plug(timm.create_model("resnet50"), "any.input").to("cpu").eval()
for batch in DataLoader(afdcli.ViewDataset(["a.jpg"], net.spec), batch_size=32):
    with torch.no_grad():
        logits: torch.Tensor = net(batch.to("cpu"))
print(afdcli.read_view("a.jpg", net.spec).pixels.shape, sure, one, best, table)
"""
WRONG = """
from afdcli import Classifier, plugg

Classifier(topk="5")
Classifier(labels="folders")
Classifier()(3.5)
"""


@pytest.mark.slow
def test_mypy_on_a_users_scripts(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    # The project's settings are strict, too; with them mypy reuses what it knows of torch.
    line = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context"]
    line += [str(tmp_path / "right.py"), str(tmp_path / "wrong.py")]
    run = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    errors = [text for text in run.stdout.splitlines() if ": error: " in text]
    assert not [text for text in errors if "wrong.py" not in text], run.stdout
    lines = [text.split("wrong.py:")[1].split(":")[0] for text in errors]
    assert lines == ["2", "4", "5", "6"], run.stdout

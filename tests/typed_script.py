"""A user's script as a type checker sees it, with the project's own strict settings.

`mypy` checks it along with the package (``files`` in pyproject.toml); it is never run. What works
is accepted; what does not is found, or else mypy says that a ``type: ignore`` is unused.
"""

from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch.utils.data import DataLoader

import afdcli
from afdcli import Classifier, Picture, read_results
from afdcli import plugg as plugg  # type: ignore[attr-defined]

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

Classifier(topk="5")  # type: ignore[arg-type]
Classifier(labels="folders")  # type: ignore[call-arg]
Classifier()(3.5)  # type: ignore[arg-type]

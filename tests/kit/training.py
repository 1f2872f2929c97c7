"""Photos to train on, `afd train` over them, and a batch of pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from typer.testing import Result

from afdcli.codec.encode import Compression
from afdcli.models.loader import Backbone, load_backbone
from afdcli.train.loader import Batch, tensors
from afdcli.train.pairs import Degradation, degraded_pair, random_crop
from afdcli.train.run import Plan, make_plan
from afdcli.view.spec import ViewSpec
from kit import command


def picture(seed: int, height: int = 150, width: int = 180) -> NDArray[np.uint8]:
    """Smooth colours with a few edges: something that JPEG changes."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (9, 11, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def arguments(world: Path, out: Path, *more: str) -> list[str]:
    return [
        *("train", "--backbone", "train_test_net", "--import", str(world / "net.py")),
        *("--checkpoint", str(world / "net.safetensors"), "--data", str(world / "photos")),
        *("--preset", "light", "--batch-size", "4", "--validation", "5", "--out", str(out), *more),
    ]


def backbone_of(world: Path) -> Backbone:
    return load_backbone("train_test_net", checkpoint=world / "net.safetensors")


def plan_of(world: Path, plug: str, **changes: int) -> Plan:
    return make_plan([backbone_of(world)], plug, "light", **changes)


def train(world: Path, out: Path, *more: str, code: int = 0) -> Result:
    result = command.afd(*arguments(world, out, *more))
    assert result.exit_code == code, result.output
    return result


def batch_of(count: int, spec: ViewSpec) -> Batch:
    """Pictures, compressed at QF 7."""
    rng = np.random.default_rng(0)
    harm = Degradation([Compression("jpeg", 7, "4:2:0")])
    pairs = [
        degraded_pair(random_crop(picture(n), (64, 64), rng), harm, spec) for n in range(count)
    ]
    columns = zip(*(tensors(pair) for pair in pairs), strict=True)
    return Batch(*(torch.stack(column) for column in columns))

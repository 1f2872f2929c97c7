"""What the benchmarks have in common: protocols, photos with labels, and honest numbers."""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from items import parts
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from afdcli.codec.encode import PAPER_QUALITIES, Codec, Compression
from afdcli.codec.read import read_photo
from afdcli.inputs.discover import discover
from afdcli.inputs.found import Found
from afdcli.inputs.labels import load_labels
from afdcli.models.afd_file import LoadedModule, find_module
from afdcli.models.loader import Backbone, load_backbone
from afdcli.report.stats import Estimate, mcnemar, paired_difference, proportion, recovered_share
from afdcli.train.pairs import Degradation
from afdcli.view.build import build_view
from afdcli.view.crop import benchmark_crop, upright
from afdcli.view.spec import ViewSpec

#: About what JPEG loses at 25 to 7, on the codecs' own scales.
OTHER_CODECS: dict[Codec, tuple[int, ...]] = {"avif": (30, 20, 12), "webp": (20, 8, 1)}
MOST_ROUNDS = 5


#: A condition costs so many points, at least, to count as harmful: see `pooled`.
HARM = 0.05


@dataclass(frozen=True)
class Condition:
    """One column of a table: what is done to every photo.

    Attributes:
        protocol: "clean", "single", "multiple", "codecs" or "real".
        name: e.g. "qf10", "3 rounds", "avif20".
        qualities: of the rounds; empty for a clean photo.
        rounds: number of compressions where the qualities are drawn from the paper's five.
        codec: of all rounds.
        short: pixels; the photo's shorter side is resized to this first; 0: not.
        last_short: pixels; before the last round it is made smaller to this; 0: it is not.
        lossless: the last round's picture is stored as PNG.
    """

    protocol: str
    name: str
    qualities: tuple[int, ...] = ()
    rounds: int = 0
    codec: Codec = "jpeg"
    short: int = 0
    last_short: int = 0
    lossless: bool = False

    @property
    def native(self) -> bool:
        """The classifier's view resizes and crops the photo, not the protocol."""
        return self.protocol == "real"

    def compressions(self, photo: str) -> list[Compression]:
        """The rounds for one photo; draws depend on its name only, so every run has the same."""
        qualities = self.qualities
        if self.rounds:
            digest = hashlib.sha256(f"{self.rounds} {photo}".encode()).digest()
            rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
            qualities = tuple(int(q) for q in rng.choice(PAPER_QUALITIES, self.rounds))
        return [Compression(self.codec, quality) for quality in qualities]

    def degradation(self, photo: str, height: int, width: int) -> Degradation:
        """What is done to the *photo* of *height* x *width* pixels."""
        scale = self.short / min(height, width) if self.short else 1.0
        size = (round(height * scale), round(width * scale)) if self.short else None
        shrink = min(1.0, self.last_short / min(height, width)) if self.last_short else 1.0
        return Degradation(self.compressions(photo), size, shrink, self.lossless)


def _real() -> Iterator[Condition]:
    """Files like those that people have."""
    yield Condition("real", "own size, clean")
    for quality in (75, 50, 25, 10, 7):
        yield Condition("real", f"own size, QF {quality}", (quality,))
    for short in (192, 128):
        for quality in (95, 75, 50, 25):
            name = f"thumbnail of {short} px, QF {quality}"
            yield Condition("real", name, (quality,), short=short)
    yield Condition("real", "QF 20, made smaller to 160 px, QF 60", (20, 60), last_short=160)
    yield Condition("real", "QF 50, made smaller to 240 px, QF 75", (50, 75), last_short=240)
    yield Condition("real", "PNG of a JPEG of QF 15", (15,), lossless=True)
    yield Condition("real", "own size, AVIF 20", (20,), codec="avif")
    yield Condition("real", "own size, WebP 8", (8,), codec="webp")


def conditions(protocols: list[str]) -> list[Condition]:
    """All columns of the *protocols*; the clean one always comes first."""
    every = [
        Condition("clean", "clean"),
        *(Condition("single", f"qf{q}", (q,)) for q in PAPER_QUALITIES),
        *(
            Condition("multiple", f"{n} round{'s' * (n > 1)}", rounds=n)
            for n in range(1, MOST_ROUNDS + 1)
        ),
        *(
            Condition("codecs", f"{codec}{q}", (q,), codec=codec)
            for codec, values in OTHER_CODECS.items()
            for q in values
        ),
        *_real(),
    ]
    return [c for c in every if c.protocol in protocols or c.protocol == "clean"]


def single_threaded_blas() -> None:
    """Keep the BLAS threads of reading processes off the cores that compute; call it first."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def arguments(doc: str | None, many: bool = False) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take: photos, `--backbone`, `--import` and `--out`."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", action="append" if many else "store", required=True)
    parser.add_argument("--import", dest="imports", action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    return parser


def load_classifier(item: str, imports: list[str]) -> Backbone:
    """The classifier of ``NAME[=CHECKPOINT][@MODULE]``."""
    name, checkpoint, _ = parts(item)
    return load_backbone(name, checkpoint=Path(checkpoint) if checkpoint else None, imports=imports)


def load(item: str, imports: list[str]) -> tuple[Backbone, LoadedModule | None]:
    """The classifier ``NAME[=CHECKPOINT][@MODULE]``, and its module where there is one."""
    module = parts(item)[2]
    backbone = load_classifier(item, imports)
    return backbone, find_module(module or "auto", backbone)


class Views(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """The photos under one condition, as the classifier sees them."""

    def __init__(self, photos: list[Found], condition: Condition, spec: ViewSpec) -> None:
        self.photos, self.condition, self.spec = photos, condition, spec

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        found, condition = self.photos[index], self.condition
        clean = read_photo(found.path)
        pixels = upright(clean) if condition.native else benchmark_crop(clean, self.spec.height)
        degradation = condition.degradation(found.relative, *pixels.shape[:2])
        view = build_view(degradation.applied(pixels), self.spec)
        return tuple(
            torch.from_numpy(np.array(a)) for a in (view.pixels, view.grid, view.file_context)
        )  # type: ignore[return-value]


@torch.inference_mode()
def outcomes(net: Callable[..., Any], views: Views, targets: np.ndarray) -> np.ndarray:
    """(photos, 2) bool: right directly, where *net* compares, and right with the module."""
    loader = DataLoader(views, 16, num_workers=2, multiprocessing_context="spawn")
    answers = []
    for pixels, grid, file_context in loader:
        prediction = net(pixels, grid, file_context)
        direct = prediction.logits if prediction.direct is None else prediction.direct
        # Arrays of `afdcli.inference.network.Network`, or tensors.
        best = [np.asarray(logits).argmax(1) for logits in (direct, prediction.logits)]
        answers.append(np.stack(best, 1))
    return np.concatenate(answers) == targets[:, None]


def labelled(
    folder: Path, labels: str, class_names: tuple[str, ...], only: Path | None, limit: int | None
) -> tuple[list[Found], np.ndarray]:
    """Photos with a true class, and those classes; *limit* takes them evenly from all."""
    known = load_labels(labels, class_names)
    listed = set(only.read_text().splitlines()) if only else None
    found = [f for f in discover([folder]) if listed is None or f.relative in listed]
    pairs = [(f, target) for f in found if (target := known.target(f)) is not None]
    if not pairs:
        raise SystemExit(f"no photo in {folder} has a label of the classifier in {labels}")
    if limit is not None and limit < len(pairs):
        pairs = [pairs[i * len(pairs) // limit] for i in range(limit)]
    return [f for f, _ in pairs], np.array([t for _, t in pairs])


def facts(right: np.ndarray, clean: np.ndarray) -> dict[str, float | int]:
    """Accuracies in %, their paired difference, p, and the recovered share with intervals.

    Args:
        right: (conditions * photos, 2), see `outcomes`; each photo once per condition.
        clean: (photos,), right on the clean photo.
    """
    photos = np.tile(np.arange(len(clean)), len(right) // len(clean))
    plain = clean.astype(np.float64)[photos]
    direct, afd = (right[:, i].astype(np.float64) for i in (0, 1))
    return {
        "n": len(clean),
        **_interval("direct", proportion(direct, photos)),
        **_interval("afd", proportion(afd, photos)),
        **_interval("difference", paired_difference(direct, afd, photos)),
        "mcnemar_p": mcnemar(direct, afd, photos),
        **_interval("recovered", recovered_share(direct, afd, plain, photos)),
    }


def pooled(
    rights: Sequence[np.ndarray], clean: np.ndarray
) -> Iterator[tuple[str, dict[str, float | int]]]:
    """`facts` over all conditions that cost `HARM` or more, and over all others."""
    costs = [clean.mean() - right[:, 0].mean() for right in rights]
    harmful = [right for right, cost in zip(rights, costs, strict=True) if cost >= HARM]
    others = [right for right, cost in zip(rights, costs, strict=True) if cost < HARM]
    for name, some in (("all that cost 5 points or more", harmful), ("all others", others)):
        if some:
            yield name, facts(np.concatenate(some), clean)


def _interval(name: str, e: Estimate) -> dict[str, float]:
    values = {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}
    return {key: round(100 * float(value), 2) for key, value in values.items()}

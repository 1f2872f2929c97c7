"""The paper's two protocols, other codecs and photos at their own size: direct against AFD.

    python examples/benchmarks/accuracy.py PHOTOS --labels FILE.csv|folders --out DIR \\
        --backbone NAME[=CHECKPOINT][@MODULE] ... [--import FILE.py] [--only LIST] \\
        [--protocols clean,single,multiple,codecs,native]

For every classifier and condition each photo is cropped (256 -> 224, unless it is within 16 px of
the view already), compressed, read back with its coefficients, and classified by the plain
backbone and with AFD in one pass. "native" compresses at the file's own size instead and leaves
resizing and cropping to the classifier's view. Finished conditions are kept in DIR and not computed
again. Writes DIR/accuracy.csv and DIR/accuracy.md, and with matplotlib DIR/*.png.

MODULE is auto (default) or a file of `afd train`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from afdcli.backbones.loader import load_backbone
from afdcli.backbones.modules import find_module
from afdcli.backbones.plug import Plugged
from afdcli.codec.encode import Compression, compress
from afdcli.codec.photo import Photo
from afdcli.codec.reader import read_photo
from afdcli.codec.recipe import PAPER_QUALITIES
from afdcli.engine.discover import Found, discover
from afdcli.engine.labels import load_labels
from afdcli.report.stats import Estimate, Pairs, mcnemar, paired_difference, recovered_share, wilson
from afdcli.view.crop import benchmark_crop, upright
from afdcli.view.look import look
from afdcli.view.spec import ViewSpec

#: About what JPEG loses at 25 to 7, on the codecs' own scales.
OTHER_CODECS = {"avif": (30, 20, 12), "webp": (20, 8, 1)}
MOST_ROUNDS = 5


@dataclass(frozen=True)
class Condition:
    """One column of a table: what is done to every photo.

    Attributes:
        protocol: "clean", "single", "multiple", "codecs" or "native".
        name: e.g. "qf10", "3 rounds", "avif20".
        qualities: of the rounds; empty for a clean photo, None drawn per photo.
        rounds: number of compressions where the qualities are drawn from the paper's five.
        codec: of all rounds.
        native: compressed at the photo's own size.
    """

    protocol: str
    name: str
    qualities: tuple[int, ...] = ()
    rounds: int = 0
    codec: str = "jpeg"
    native: bool = False

    def compressions(self, photo: str) -> list[Compression]:
        """The rounds for one photo; draws depend on its name only, so every run has the same."""
        qualities = self.qualities
        if self.rounds:
            digest = hashlib.sha256(f"{self.rounds} {photo}".encode()).digest()
            rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
            qualities = tuple(int(q) for q in rng.choice(PAPER_QUALITIES, self.rounds))
        return [Compression(self.codec, quality) for quality in qualities]  # type: ignore[arg-type]


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
        Condition("native", "native clean", native=True),
        *(Condition("native", f"native qf{q}", (q,), native=True) for q in (10, 7)),
    ]
    return [c for c in every if c.protocol in protocols or c.protocol == "clean"]


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
        rounds = condition.compressions(found.relative)
        photo = read_photo(compress(pixels, rounds)) if rounds else Photo(pixels, "png")
        view = look(photo, self.spec)
        return tuple(torch.from_numpy(np.array(a)) for a in (view.pixels, view.grid, view.side))  # type: ignore[return-value]


@torch.inference_mode()
def outcomes(net: Plugged, views: Views, targets: np.ndarray) -> np.ndarray:
    """(photos, 2) bool: right directly, right with AFD."""
    loader = DataLoader(views, 16, num_workers=1, multiprocessing_context="spawn")
    right = []
    for pixels, grid, side in loader:
        prediction = net(pixels, grid, side)
        assert prediction.direct is not None
        answers = torch.stack([prediction.direct.argmax(1), prediction.logits.argmax(1)], 1)
        right.append(answers.numpy())
    return np.concatenate(right) == targets[:, None]


def run(args: argparse.Namespace) -> pd.DataFrame:
    """Fill the table, condition by condition; one row per classifier and condition."""
    rows = []
    for item in args.backbone:
        head, _, module = item.partition("@")
        name, _, file = head.partition("=")
        backbone = load_backbone(
            name, checkpoint=Path(file) if file else None, imports=args.imports
        )
        loaded = find_module(module or "auto", backbone)
        if loaded is None:
            raise SystemExit(f"{name}: there is no AFD module")
        photos, targets = labelled(args, backbone.class_names)
        net = Plugged(backbone, loaded, compare=True).eval()
        spec = replace(backbone.spec, coefficients=loaded.module.config.coefficients)
        folder = args.out / "outcomes" / f"{name}-{loaded.sha256[:8]}-{len(photos)}"
        folder.mkdir(parents=True, exist_ok=True)
        clean: dict[bool, np.ndarray] = {}
        for condition in conditions(args.protocols.split(",")):
            file_ = folder / f"{condition.name.replace(' ', '_')}.npy"
            if not file_.exists():
                np.save(file_, outcomes(net, Views(photos, condition, spec), targets))
            right = np.load(file_)
            if not condition.qualities and not condition.rounds:
                clean[condition.native] = right[:, 0]
            row = facts(right, clean[condition.native])
            rows.append({"backbone": name, "plug": loaded.plug, **vars(condition), **row})
            print(json.dumps(rows[-1]), flush=True)
    return pd.DataFrame(rows).drop(columns=["qualities", "rounds", "codec", "native"])


def labelled(
    args: argparse.Namespace, class_names: tuple[str, ...]
) -> tuple[list[Found], np.ndarray]:
    """Photos with a true class, and those classes."""
    labels = load_labels(args.labels, class_names)
    only = set(args.only.read_text().splitlines()) if args.only else None
    found = [f for f in discover([args.photos]) if only is None or f.relative in only]
    pairs = [(f, target) for f in found if (target := labels.target(f)) is not None]
    pairs = pairs[: args.limit]
    return [f for f, _ in pairs], np.array([t for _, t in pairs])


def facts(right: np.ndarray, clean: np.ndarray) -> dict[str, float | int]:
    """Accuracies in %, their paired difference, p, and the recovered share with intervals."""
    direct, afd = right[:, 0], right[:, 1]
    n = len(right)
    pairs = Pairs(
        both=int((direct & afd).sum()),
        first=int((direct & ~afd).sum()),
        second=int((afd & ~direct).sum()),
        neither=int((~direct & ~afd).sum()),
    )
    counts = np.zeros((2, 2, 2), np.int64)
    np.add.at(counts, (direct.astype(int), afd.astype(int), clean.astype(int)), 1)
    difference, share = paired_difference(pairs), recovered_share(counts)
    return {
        "n": n,
        **_interval("direct", wilson(int(direct.sum()), n)),
        **_interval("afd", wilson(int(afd.sum()), n)),
        **_interval("difference", difference),
        "mcnemar_p": mcnemar(pairs),
        **_interval("recovered", share),
    }


def _interval(name: str, e: Estimate) -> dict[str, float]:
    values = {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}
    return {key: round(100 * float(value), 2) for key, value in values.items()}


def markdown(table: pd.DataFrame) -> Iterator[str]:
    """One table per classifier, rows as in the CSV."""
    for (name, plug), part in table.groupby(["backbone", "plug"], sort=False):
        yield f"\n**{name}**, {plug} module, n = {part.n.iloc[0]}\n"
        yield "| condition | direct | AFD | difference (95 %) | recovered (95 %) |"
        yield "|---|---|---|---|---|"
        for _, r in part.iterrows():
            share = (
                ""
                if r.protocol == "clean" or "clean" in r["name"]
                else (f"{r.recovered:.0f} % ({r.recovered_low:.0f} to {r.recovered_high:.0f})")
            )
            yield (
                f"| {r['name']} | {r.direct:.1f} | {r.afd:.1f} | {r.difference:+.1f} "
                f"({r.difference_low:+.1f} to {r.difference_high:+.1f}) | {share} |"
            )
        for protocol in ("single", "multiple", "codecs"):
            rows = part[part.protocol == protocol]
            if len(rows):
                mean = rows[["direct", "afd", "recovered"]].mean()
                yield (
                    f"| mean of {protocol} | {mean.direct:.1f} | {mean.afd:.1f} | "
                    f"{mean.afd - mean.direct:+.1f} | {mean.recovered:.0f} % |"
                )


def plots(table: pd.DataFrame, folder: Path) -> None:
    """Accuracy over quality factor and over number of compressions, one figure per classifier."""
    try:
        import matplotlib
    except ImportError:
        print("no plots: pip install matplotlib")
        return
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    for name, part in table.groupby("backbone", sort=False):
        figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
        clean = part[part.protocol == "clean"].iloc[0]
        for axis, protocol in zip(axes, ("single", "multiple"), strict=True):
            rows = part[part.protocol == protocol]
            x = np.arange(len(rows))
            for column, label in (("direct", "direct"), ("afd", "with AFD")):
                y = rows[column].to_numpy()
                low, high = rows[f"{column}_low"].to_numpy(), rows[f"{column}_high"].to_numpy()
                axis.errorbar(x, y, [y - low, high - y], marker="o", capsize=3, label=label)
            axis.axhline(clean.direct, color="0.5", ls=":", label="clean, direct")
            axis.set_xticks(x, [n.replace("qf", "") for n in rows["name"]])
            axis.set_xlabel("quality factor" if protocol == "single" else "compressions")
            axis.grid(alpha=0.3)
        axes[0].set_ylabel(f"top-1, % (n = {clean.n})")
        axes[0].legend()
        figure.suptitle(f"{name}: top-1 with 95 % intervals")
        figure.savefig(folder / f"{name}.png", dpi=130)
        plt.close(figure)


def main() -> None:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--backbone", action="append", required=True)
    parser.add_argument("--import", dest="imports", action="append", default=[])
    parser.add_argument("--only", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--protocols", default="clean,single,multiple,codecs,native")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    table = run(args)
    table.to_csv(args.out / "accuracy.csv", index=False)
    text = "\n".join(markdown(table)) + "\n"
    (args.out / "accuracy.md").write_text(text, encoding="utf-8")
    plots(table, args.out)
    print(text)


if __name__ == "__main__":
    main()

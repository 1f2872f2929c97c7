"""The paper's two protocols, other codecs and photos at their own size: direct against AFD.

    python examples/benchmarks/accuracy.py PHOTOS --labels FILE.csv|folders --out DIR \\
        --backbone NAME[=CHECKPOINT][@MODULE] ... [--import FILE.py] [--only LIST] \\
        [--protocols clean,single,multiple,codecs,real]

For every classifier and condition each photo is cropped (256 -> 224, unless it is within 16 px of
the view already), compressed, read back with its coefficients, and classified by the plain
backbone and with AFD in one pass. "real" degrades whole photos instead, as happens to people's
files (thumbnails, chains of compressions, other codecs), and leaves resizing and cropping to the
classifier's view. Finished conditions are kept in DIR and not computed
again. Writes DIR/accuracy.csv and DIR/accuracy.md, and with matplotlib DIR/*.png.

MODULE is auto (default), best or a file of `afd train`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from protocols import (
    Views,
    arguments,
    conditions,
    facts,
    labelled,
    load,
    outcomes,
    pooled,
    single_threaded_blas,
)

from afdcli.inference.runtime import run_somewhere
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.precision import choose_precision
from afdcli.workers.memory import keep_freed_memory


def run(args: argparse.Namespace) -> pd.DataFrame:
    """Fill the table, condition by condition; one row per classifier and condition."""
    rows = []
    for item in args.backbone:
        backbone, loaded = load(item, args.imports)
        name = backbone.name
        if loaded is None:
            raise SystemExit(f"{name}: there is no AFD module")
        photos, targets = labelled(
            args.photos, args.labels, backbone.class_names, args.only, args.limit
        )
        dtype = choose_precision(args.precision, "cpu", integers=True)
        classifier = AFDClassifier(backbone, loaded, compare=True, precision=dtype).eval()
        net, runtime, *_ = run_somewhere(classifier, args.runtime, "cpu")
        folder = (
            args.out / "outcomes" / f"{name}-{loaded.sha256[:8]}-{len(photos)}-{dtype}-{runtime}"
        )
        folder.mkdir(parents=True, exist_ok=True)
        clean: dict[bool, np.ndarray] = {}
        kept: list[np.ndarray] = []
        for condition in conditions(args.protocols.split(",")):
            file_ = folder / f"{condition.name.replace(' ', '_').replace(',', '')}.npy"
            if not file_.exists():
                np.save(file_, outcomes(net, Views(photos, condition, classifier.spec), targets))
            right = np.load(file_)
            if not condition.qualities and not condition.rounds:
                clean[condition.native] = right[:, 0]
            elif condition.native:
                kept.append(right)
            same = {"backbone": name, "plug": loaded.plug, "protocol": condition.protocol}
            row = facts(right, clean[condition.native])
            rows.append({**same, "name": condition.name, **row})
            print(json.dumps(rows[-1]), flush=True)
        for title, row in pooled(kept, clean[True]) if kept else ():
            rows.append({**same, "name": title, **row})
    return pd.DataFrame(rows)


def _share(row: pd.Series) -> str:
    """The recovered share of one condition in words."""
    if "clean" in row["name"] or row["name"] == "all others":
        return ""
    if np.isnan(row.recovered):
        return "next to nothing was lost"
    if np.isnan(row.recovered_low):
        return f"{row.recovered:.0f} %"
    return f"{row.recovered:.0f} % ({row.recovered_low:.0f} to {row.recovered_high:.0f})"


def markdown(table: pd.DataFrame) -> Iterator[str]:
    """One table per classifier, rows as in the CSV."""
    for (name, plug), part in table.groupby(["backbone", "plug"], sort=False):
        yield f"\n**{name}**, {plug} module, n = {part.n.iloc[0]}\n"
        yield "| condition | direct | AFD | difference (95 %) | recovered (95 %) |"
        yield "|---|---|---|---|---|"
        for _, r in part.iterrows():
            yield (
                f"| {r['name']} | {r.direct:.1f} | {r.afd:.1f} | {r.difference:+.1f} "
                f"({r.difference_low:+.1f} to {r.difference_high:+.1f}) | {_share(r)} |"
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
    parser = arguments(__doc__, many=True)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--only", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--precision", default="auto", help="auto, fp32 or bf16")
    parser.add_argument("--runtime", default="auto", help="as of afd classify")
    parser.add_argument("--protocols", default="clean,single,multiple,codecs,real")
    args = parser.parse_args()
    single_threaded_blas()
    keep_freed_memory()
    args.out.mkdir(parents=True, exist_ok=True)
    table = run(args)
    table.to_csv(args.out / "accuracy.csv", index=False)
    text = "\n".join(markdown(table)) + "\n"
    (args.out / "accuracy.md").write_text(text, encoding="utf-8")
    plots(table, args.out)
    print(text)


if __name__ == "__main__":
    main()

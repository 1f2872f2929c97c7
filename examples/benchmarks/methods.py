"""AFD against reference methods, and its ablations: one budget, one classifier, one table.

    python examples/benchmarks/methods.py PHOTOS --labels FILE.csv|folders --data DIR ... \\
        --backbone NAME[=CHECKPOINT] [--import FILE.py] --minutes 10 --out DIR [--lines a,b,c]

Every line is trained on the same photos for the same time, and differs from "afd", which has
--preset (light), in what its name says. Then all are measured on the labelled PHOTOS, which no line
saw in training, at the paper's five quality factors. Finished lines are kept in DIR. Writes
DIR/methods.csv and DIR/methods.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from protocols import (
    Condition,
    Views,
    arguments,
    conditions,
    facts,
    labelled,
    load_classifier,
    outcomes,
    single_threaded_blas,
)
from references import DeepFeatureRepair, PixelRemover
from torch import nn

from afdcli.core.cost import measure
from afdcli.core.module import AFDModule
from afdcli.core.presets import LIGHT, PAPER
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule
from afdcli.models.loader import Backbone
from afdcli.models.precision import PRECISIONS, choose_precision, precision_name
from afdcli.train import run as session
from afdcli.train.photos import PhotoSet, collect
from afdcli.train.settings import TrainSettings
from afdcli.workers.memory import keep_freed_memory


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        plug: "stem" or "input".
        preset: of the module, instead of --preset.
        config: changes to the module's configuration.
        settings: changes to the training.
        reference: "pixels", "features", or "" for an AFD module.
    """

    plug: str = "stem"
    preset: str = ""
    config: dict[str, object] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    reference: str = ""


STEM_ONLY = {"divergence": 0.0, "deep": 0.0}
LINES = {
    "afd": Line(),
    "no FDM": Line(config={"gate": "none"}),
    "channel gate": Line(config={"gate": "channel"}),
    "decoded-pixel DCT": Line(config={"coefficients": "view"}),
    "plain convolutions": Line(config={"block": "conv"}),
    "stem loss only": Line(settings=STEM_ONLY),
    "no angle in the loss": Line(settings={"angle": 0.0}),
    "FDM supervised by the angle": Line(settings={"fdm": 1.0}),
    "preset best": Line(preset="best"),
    "no FiLM": Line(config={"film_width": 0}),
    "stem only": Line(config={"adapter_width": 0}),
    "c = 32": Line(config={"width": 32}),
    "paper's recipe": Line(
        preset=PAPER,
        config={"gate": "channel", "coefficients": "view"},
        settings={**STEM_ONLY, "angle": 0.0},
    ),
    "DDP-style": Line(preset=PAPER, settings={**STEM_ONLY, "angle": 0.0}, reference="features"),
    "ARCNN-style": Line(plug="input", settings=STEM_ONLY, reference="pixels"),
}


def build(line: Line, plan: session.Plan) -> nn.Module:
    """The untrained module of a line."""
    if line.reference == "pixels":
        return PixelRemover()
    if line.reference == "features":
        return DeepFeatureRepair(plan.hooked[0], plan.config.channels)
    return AFDModule(plan.config)


def trained(
    line: Line, name: str, backbone: Backbone, photos: PhotoSet, args: argparse.Namespace
) -> LoadedModule:
    """The module of a line, trained or from DIR; an AFD module is fused."""
    preset = line.preset or args.preset
    plan = session.make_plan([backbone], line.plug, preset, **line.config)  # type: ignore[arg-type]
    settings = replace(
        TrainSettings(minutes=args.minutes, precision=args.precision),
        **line.settings,  # type: ignore[arg-type]
    )
    torch.manual_seed(settings.seed)
    module = build(line, plan)
    file = args.out / f"{name.replace(' ', '_')}.pt"
    if file.exists():
        module.load_state_dict(torch.load(file, weights_only=True))
    else:
        outcome = session.fit(
            plan,
            module,
            photos,
            settings,
            args.out / "run.ckpt",
            lambda p: None,
            workers=args.workers,
        )
        torch.save(module.state_dict(), file)
        print(f"{name}: {outcome.steps} steps, {json.dumps(vars(outcome.score))}", flush=True)
    for one in plan.hooked:
        one.remove()
    if isinstance(module, AFDModule):
        module = module.reparameterize()
    module = module.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return LoadedModule(module, line.plug, plan.where, file, "")  # type: ignore[arg-type]


def score(
    loaded: LoadedModule, backbone: Backbone, args: argparse.Namespace
) -> list[dict[str, object]]:
    """One row per quality factor, and one for clean photos."""
    photos, targets = labelled(args.photos, args.labels, backbone.class_names, None, args.limit)
    dtype = PRECISIONS[args.precision]
    rows: list[dict[str, object]] = []
    clean = np.zeros(0)
    for condition in conditions(["single"]):
        # What the plain backbone says is the same for all lines, and asked once.
        known = args.out / f"direct-{condition.name}-{len(photos)}-{args.precision}.npy"
        net = AFDClassifier(backbone, loaded, not known.exists(), dtype).eval()
        right = outcomes(net, Views(photos, condition, net.spec), targets)
        if net.compare:
            np.save(known, right[:, 0])
        right[:, 0] = np.load(known)
        if condition.protocol == "clean":
            clean = right[:, 0]
        rows.append({**_name(condition), **facts(right, clean)})
    return rows


def _name(condition: Condition) -> dict[str, object]:
    return {"protocol": condition.protocol, "condition": condition.name}


def cost(loaded: LoadedModule, backbone: Backbone) -> dict[str, float]:
    """Parameters, MACs and milliseconds that the module adds to a picture, one at a time."""
    spec = backbone.spec
    pixels = torch.zeros(1, spec.height, spec.width, 3, dtype=torch.uint8)
    grid = torch.zeros(1, 384, -(-spec.height // 8), -(-spec.width // 8))
    inputs = (pixels, grid, torch.zeros(1, 197))
    whole = measure(AFDClassifier(backbone, loaded).eval(), inputs)
    alone = measure(AFDClassifier(backbone, None).eval(), inputs)
    return {
        "parameters": whole.parameters - alone.parameters,
        "mmacs": round((whole.macs - alone.macs) / 1e6),
        "ms": round(whole.milliseconds - alone.milliseconds, 1),
    }


def markdown(table: pd.DataFrame) -> str:
    """Means over the quality factors, one row per line."""
    text = [
        "| | clean | QF 25 | 18 | 15 | 10 | 7 | mean | recovered | parameters | MMACs |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    first = table[table.line == table.line.iloc[0]]
    direct = [f"{v:.1f}" for v in first.direct]
    mean = first[first.protocol == "single"].direct.mean()
    text.append(f"| direct | {' | '.join(direct)} | {mean:.1f} | | | |")
    for name, part in table.groupby("line", sort=False):
        single = part[part.protocol == "single"]
        share = single.recovered.mean()
        cells = " | ".join(f"{v:.1f}" for v in part.afd)
        text.append(
            f"| {name} | {cells} | {single.afd.mean():.1f} | {share:.0f} % "
            f"| {part.parameters.iloc[0]:,} | {part.mmacs.iloc[0]} |"
        )
    return "\n".join(text) + "\n"


def main() -> None:
    """Parse, train, measure, write."""
    parser = arguments(__doc__)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--lines", default=",".join(LINES))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--preset", default=LIGHT)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--exclude", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    single_threaded_blas()
    keep_freed_memory()
    args.precision = precision_name(choose_precision(args.precision, "cpu"))
    args.out.mkdir(parents=True, exist_ok=True)
    listed = set(args.exclude.read_text().splitlines()) if args.exclude else set()
    photos = collect(args.data, TrainSettings().validation, 0, listed)
    rows: list[dict[str, object]] = []
    for title in args.lines.split(","):
        done = args.out / f"{title.replace(' ', '_')}.json"
        if not done.exists():
            backbone = load_classifier(args.backbone, args.imports)
            loaded = trained(LINES[title], title, backbone, photos, args)
            facts_ = cost(loaded, backbone)
            found = [{"line": title, **row, **facts_} for row in score(loaded, backbone, args)]
            done.write_text(json.dumps(found))
        rows += json.loads(done.read_text())
    table = pd.DataFrame(rows)
    table.to_csv(args.out / "methods.csv", index=False)
    text = markdown(table)
    (args.out / "methods.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

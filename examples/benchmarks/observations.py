"""The paper's observations, redrawn from real photos with a real classifier.

    python examples/benchmarks/observations.py PHOTOS --backbone NAME[=CHECKPOINT][@MODULE] \\
        [--import FILE.py] [--limit 200] --out DIR

Writes DIR/angles.csv and DIR/angles.png, the mean feature angle of the cells whose DCT angle is
about x, for quality factors 10, 25, 50 and 60 (the paper's Fig. 4), and DIR/maps.png, the feature
angle to the clean photo place by place before and after the module (its Fig. 2). Photos are cropped
to the classifier's view first; both angles compare decoded pictures, cell by cell of 8x8 pixels.
Features are those where the module sits: half of the resolution for the presets paper and best, a
quarter for light. MODULE is auto (default), best or a file of `afd train`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from protocols import arguments, load
from torch import Tensor

from afdcli.codec.encode import Compression, compress
from afdcli.codec.photo import Photo
from afdcli.codec.read import read_photo
from afdcli.core.angles import feature_angle
from afdcli.inputs.discover import discover
from afdcli.models.afd_file import view_of
from afdcli.models.hooks import HookedBackbone
from afdcli.models.plug_points import find_stem
from afdcli.view.build import build_view
from afdcli.view.crop import benchmark_crop
from afdcli.view.maps import dct_angle_map
from afdcli.view.spec import View

matplotlib.use("agg")
from matplotlib import pyplot as plt

QUALITIES = (10, 25, 50, 60)
BIN = 4  # degrees of DCT angle
MAPS = 4  # photos in the second figure
MAP_QUALITY = 10


def batch(view: View) -> tuple[Tensor, Tensor, Tensor]:
    """A view as a batch of one."""
    return (
        torch.from_numpy(view.pixels)[None],
        torch.from_numpy(view.grid)[None].float(),
        torch.from_numpy(view.file_context)[None],
    )


def angles(hooked: HookedBackbone, crops: list[np.ndarray], spec) -> pd.DataFrame:
    """DCT and feature angle of every cell: columns quality, dct, feature; degrees."""
    plain = replace(spec, coefficients="view")
    parts = []
    for crop in crops:
        clean = build_view(Photo.from_pixels(crop), plain)
        before = hooked.features(batch(clean)[0]).float()
        for quality in QUALITIES:
            seen = build_view(read_photo(compress(crop, [Compression("jpeg", quality)])), plain)
            angle = feature_angle(before, hooked.features(batch(seen)[0]).float())
            dct = dct_angle_map(clean, seen)
            cells = F.adaptive_avg_pool2d(angle, dct.shape)[0]
            columns = {"quality": quality, "dct": dct.ravel(), "feature": cells.numpy().ravel()}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def draw_angles(table: pd.DataFrame, name: str, photos: int, out: Path) -> None:
    """Mean feature angle over DCT angle, one line per quality factor; bins of 100 cells or more."""
    table["bin"] = (table.dct // BIN + 0.5) * BIN
    means = table.groupby(["quality", "bin"]).feature.agg(["mean", "sem", "count"]).reset_index()
    means = means[means["count"] >= 100]
    means.to_csv(out / "angles.csv", index=False)
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for quality, part in means.groupby("quality"):
        axis.errorbar(part.bin, part["mean"], 1.96 * part["sem"], marker="o", ms=3, label=quality)
    axis.set_xlabel("DCT angle of the cell, degrees")
    axis.set_ylabel("feature angle, degrees")
    axis.set_title(f"{name}, {photos} photos, mean and 95 % interval")
    axis.legend(title="quality factor")
    axis.grid(alpha=0.3)
    figure.savefig(out / "angles.png", dpi=130)
    plt.close(figure)


def draw_maps(hooked: HookedBackbone, module, crops: list[np.ndarray], spec, out: Path) -> None:
    """Photo, its JPEG, and the feature angle to the clean photo without and with the module."""
    figure, axes = plt.subplots(len(crops), 4, figsize=(11, 2.8 * len(crops)), layout="constrained")
    for row, crop in zip(axes, crops, strict=True):
        seen = build_view(read_photo(compress(crop, [Compression("jpeg", MAP_QUALITY)])), spec)
        pixels, grid, file_context = batch(seen)
        clean = hooked.features(torch.from_numpy(crop)[None])
        drifted = hooked.features(pixels)
        with torch.no_grad():
            restored = module(drifted, grid, file_context, pixels.shape[1:3])
        maps = [feature_angle(clean, f)[0].numpy() for f in (drifted, restored)]
        for axis, image in zip(row, (crop, seen.pixels), strict=False):
            axis.imshow(image)
        for axis, angle, title in zip(row[2:], maps, ("direct", "with AFD"), strict=True):
            shown = axis.imshow(angle, vmin=0, vmax=45, cmap="magma")
            axis.set_title(f"{title}: mean {angle.mean():.1f}°", fontsize=9)
        figure.colorbar(shown, ax=row[3], label="degrees")
        for axis in row:
            axis.set_axis_off()
    axes[0, 0].set_title("clean", fontsize=9)
    axes[0, 1].set_title(f"JPEG, quality factor {MAP_QUALITY}", fontsize=9)
    figure.savefig(out / "maps.png", dpi=110)
    plt.close(figure)


def main() -> None:
    """Parse, measure, draw."""
    parser = arguments(__doc__)
    parser.add_argument("--limit", type=int, default=200)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    backbone, loaded = load(args.backbone, args.imports)
    name, spec = backbone.name, view_of(backbone, loaded)
    found = list(discover([args.photos]))
    step = max(1, len(found) // args.limit)
    crops = [benchmark_crop(read_photo(f.path), spec.height) for f in found[::step][: args.limit]]
    of_stem = loaded is not None and loaded.plug == "stem"
    size = (spec.height, spec.width)
    where = loaded.where if of_stem else find_stem(backbone.net, size).where
    hooked = HookedBackbone(backbone, "stem", where)
    draw_angles(angles(hooked, crops, spec), name, len(crops), args.out)
    if not of_stem:
        raise SystemExit(f"{name} has no stem module: the maps are left out")
    draw_maps(hooked, loaded.module, crops[:MAPS], spec, args.out)


if __name__ == "__main__":
    main()

"""What the shipped classifier learns from: crops of photos, and what its teachers say about them.

See ``train_default_classifier.py``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import v2

from afdcli.backbones.precision import autocast, choose_precision

SIDE = 192  # side of a stored training crop, pixels
TEACHER_SIDE = 160  # what the teachers see of it
ARITHMETIC = choose_precision("auto", "cpu")
IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
IMAGENET_STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


@dataclass
class Views:
    """Augmented crops of the training photos with what the teachers said about them."""

    pixels: np.ndarray  # (photos, views, SIDE, SIDE, 3) uint8, memory-mapped
    labels: Tensor  # (photos,) int64
    features: Tensor  # (photos, views, K) float32, standardised PCA of teacher features
    probe: Tensor  # (photos, views, 101) float32, soft labels of the linear probe
    guide: nn.Module  # the network whose feature maps are imitated


def make_crops(root: Path, names: list[str], count: int, out: Path) -> np.ndarray:
    """Store *count* random resized crops per photo as one uint8 array."""
    if not out.exists():
        torch.manual_seed(0)
        augment = v2.Compose(
            [
                v2.RandomResizedCrop(
                    SIDE, (0.25, 1), interpolation=v2.InterpolationMode.BICUBIC, antialias=True
                ),
                v2.RandomApply([v2.ColorJitter(0.3, 0.3, 0.3, 0.03)], 0.6),
                v2.RandomGrayscale(0.05),
            ]
        )
        part = out.with_suffix(".part")
        array = np.lib.format.open_memmap(part, "w+", np.uint8, (len(names), count, SIDE, SIDE, 3))
        for i, name in enumerate(names):
            photo = Image.open(root / name).convert("RGB")
            for j in range(count):
                array[i, j] = np.asarray(augment(photo))
        array.flush()
        part.rename(out)
    return np.load(out, mmap_mode="r")


@torch.inference_mode()
def teacher_features(net: nn.Module, cfg: dict, crops: np.ndarray, out: Path) -> Tensor:
    """Pooled features of one teacher on every crop, cached in *out*."""
    if not out.exists():
        mean, std = (torch.tensor(cfg[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
        flat = crops.reshape(-1, SIDE, SIDE, 3)
        rows = []
        for i in range(0, len(flat), 64):
            x = torch.from_numpy(flat[i : i + 64].copy()).permute(0, 3, 1, 2)
            x = F.interpolate(x.float(), (TEACHER_SIDE,) * 2, mode="bilinear", antialias=True)
            x = ((x / 255 - mean) / std).to(memory_format=torch.channels_last)
            with autocast(ARITHMETIC, "cpu"):
                rows.append(net.forward_head(net.forward_features(x), pre_logits=True).half())
            if i % 6400 == 0:
                print(f"  teacher {out.stem}: {i}/{len(flat)}", flush=True)
        torch.save(torch.cat(rows).view(*crops.shape[:2], -1), out)
    return torch.load(out, weights_only=True).float()


def reduce(features: Tensor, width: int = 384) -> Tensor:
    """PCA with per-component scaling to the power 1/2: between plain PCA and full whitening."""
    flat = features.flatten(0, 1)
    flat = (flat - flat.mean(0)) / (flat.std(0) + 1e-4)
    _, s, v = torch.svd_lowrank(flat[::5], q=width + 32, niter=3)
    z = flat @ v[:, :width]
    z = z / z.std(0) * (s[:width] / s[0]).sqrt()
    z = z / z.std()
    return z.view(*features.shape[:2], width)


def fit_probe(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Soft labels of a linear probe, cross-fitted: no photo is scored by a probe that saw it."""
    photos, views, width = features.shape
    fold = torch.arange(photos) % 4
    soft = torch.empty(photos, views, classes)
    for k in range(4):
        seen = fold != k
        x, y = features[seen].flatten(0, 1), labels[seen].repeat_interleave(views)
        head = nn.Linear(width, classes)
        optimiser = torch.optim.AdamW(head.parameters(), 3e-3, weight_decay=0.1)
        for _ in range(900):
            pick = torch.randint(len(x), (512,))
            loss = F.cross_entropy(head(x[pick]), y[pick], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            logits = head(features[~seen])
            hit = (logits.argmax(-1) == labels[~seen][:, None]).float().mean()
            soft[~seen] = logits.softmax(-1)
        print(f"  probe fold {k}: {hit:.3f} of held-out crops right", flush=True)
    return soft


def frozen(spec: str) -> tuple[str, nn.Module]:
    """NAME=CHECKPOINT -> the name and the network, which is never trained."""
    name, checkpoint = spec.split("=", 1)
    net = timm.create_model(name, checkpoint_path=checkpoint).eval().requires_grad_(False)
    return name, net.to(memory_format=torch.channels_last)


def prepare(args: argparse.Namespace, names: list[str], classes: list[str]) -> Views:
    """Crops, teacher features and soft labels; everything slow is cached in ``args.work``."""
    labels = torch.tensor([classes.index(n.split("/")[0]) for n in names])
    crops = make_crops(args.root, names, args.views, args.work / "crops.npy")
    parts = []
    for spec in args.teacher:
        name, net = frozen(spec)
        parts.append(teacher_features(net, net.pretrained_cfg, crops, args.work / f"{name}.pt"))
    features = reduce(torch.cat([f / f.std() for f in parts], -1))
    probe = fit_probe(features, labels, len(classes))
    return Views(crops, labels, features, probe, frozen(args.guide)[1])


def augment_batch(views: Views, index: Tensor, view: Tensor, side: int) -> Tensor:
    """Stored crops -> normalised float batch (B, 3, side, side), randomly mirrored and erased."""
    raw = views.pixels[index.numpy(), view.numpy()]
    x = torch.from_numpy(raw).permute(0, 3, 1, 2).float() / 255
    flip = torch.rand(len(x)) < 0.5
    x[flip] = x[flip].flip(-1)
    if side != SIDE:
        x = F.interpolate(x, (side, side), mode="bilinear", antialias=True)
    x = (x - IMAGENET_MEAN) / IMAGENET_STD
    for i in torch.nonzero(torch.rand(len(x)) < 0.3).flatten().tolist():
        h, w = (int(side * f) for f in torch.empty(2).uniform_(0.15, 0.45))
        top, left = int(torch.randint(side - h, ())), int(torch.randint(side - w, ()))
        x[i, :, top : top + h, left : left + w] = torch.randn(3, 1, 1)
    return x.to(memory_format=torch.channels_last)

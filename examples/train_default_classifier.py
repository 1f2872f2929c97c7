"""Train the classifier that ships with afd (``weights/afd_resnet12.safetensors``) from scratch.

Caltech-101, 80 % of every class for training (see ``caltech101_split.py``). The student learns
from hard labels, and from two ImageNet teachers that see the same crops: through throw-away
heads it must predict their pooled features (reduced by PCA), the soft labels of a linear probe on
those features, and, place by place, the last teacher's feature maps at strides 8, 16 and 32.
Teachers only ever see training images here. The picture grows during training: 96, 128, 160 px.

    python examples/train_default_classifier.py CALTECH101 --work DIR \\
        --import real_backbones.py --teacher resnet50_v1=FILE --teacher mobilenetv2_tf=FILE \\
        --guide mobilenetv1_075_tf=FILE

Crops and teacher features are computed once into --work; training resumes from its checkpoint.
About 45 minutes on two cores with bfloat16 units, three times that without.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
from caltech101_split import split
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.transforms import v2

from afdcli.backbones import embedded
from afdcli.backbones.loader import import_source
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
            x = torch.from_numpy(np.ascontiguousarray(flat[i : i + 64])).permute(0, 3, 1, 2)
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


@torch.inference_mode()
def evaluate(net: nn.Module, root: Path, names: list[str], classes: list[str]) -> float:
    """Top-1 on *names*: short side to 256, central 224 crop."""
    view = v2.Compose(
        [
            v2.Resize(256, interpolation=v2.InterpolationMode.BICUBIC, antialias=True),
            v2.CenterCrop(224),
            v2.PILToTensor(),
        ]
    )
    net.eval()
    hits = 0
    for i in range(0, len(names), 32):
        part = names[i : i + 32]
        x = torch.stack([view(Image.open(root / n).convert("RGB")) for n in part]).float() / 255
        x = ((x - IMAGENET_MEAN) / IMAGENET_STD).to(memory_format=torch.channels_last)
        truth = torch.tensor([classes.index(n.split("/")[0]) for n in part])
        hits += int((net(x).argmax(1) == truth).sum())
    return hits / len(names)


class Imitation(nn.Module):
    """Mean squared error to the guide's feature maps at the last three strides, standardised."""

    def __init__(self, net: nn.Module, guide: nn.Module) -> None:
        super().__init__()
        self.guide = [guide]  # in a list: not a child, so neither saved nor trained
        mean, std = (
            torch.tensor(guide.pretrained_cfg[k]).view(1, 3, 1, 1) for k in ("mean", "std")
        )
        self.scale, self.shift = IMAGENET_STD / std, (IMAGENET_MEAN - mean) / std
        x = torch.zeros(2, 3, 96, 96)
        _, ours = net.forward_intermediates(x)
        _, theirs = guide.forward_intermediates(x)
        self.heads = nn.ModuleList(
            nn.Conv2d(a.shape[1], b.shape[1], 1)
            for a, b in zip(ours[-3:], theirs[-3:], strict=True)
        )

    def forward(self, x: Tensor, maps: list[Tensor]) -> Tensor:
        with torch.no_grad():
            _, targets = self.guide[0].forward_intermediates(x * self.scale + self.shift)
            targets = [F.batch_norm(t, None, None, training=True) for t in targets[-3:]]
        terms = [
            F.mse_loss(head(ours), target)
            for head, ours, target in zip(self.heads, maps[-3:], targets, strict=True)
        ]
        return torch.stack(terms).mean()


def learning_rate(args: argparse.Namespace, step: int, steps: int) -> float:
    """A short warm-up, then a cosine to zero."""
    warm = min(1.0, (step + 1) / 200)
    return args.lr * warm * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def side_at(progress: float) -> int:
    """Side of the picture, pixels: small ones teach the coarse things first, and fast."""
    return 128 if progress < 0.36 else 160 if progress < 0.7 else SIDE


def train(args: argparse.Namespace, views: Views, names: list[str], test: list[str]) -> nn.Module:
    """AdamW, cosine schedule, averaged weights, growing pictures."""
    classes = sorted({n.split("/")[0] for n in names})
    torch.manual_seed(1)
    net = timm.create_model(embedded.NAME, drop_rate=0.1)
    net = net.to(memory_format=torch.channels_last)
    mimic = nn.Linear(net.num_features, views.features.shape[-1])
    average = copy.deepcopy(net)
    imitation = Imitation(net, views.guide)
    params = [*net.parameters(), *mimic.parameters(), *imitation.parameters()]
    optimiser = torch.optim.AdamW(params, args.lr, weight_decay=0.05)
    per_epoch = len(names) // args.batch
    steps = args.epochs * per_epoch
    state = args.work / "student.pt"
    step = 0
    if state.exists():
        saved = torch.load(state, weights_only=True)
        net.load_state_dict(saved["net"])
        mimic.load_state_dict(saved["mimic"])
        imitation.load_state_dict(saved["imitation"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        step = saved["step"]
    begin, first = time.time(), step
    while step < steps:
        net.train()
        order = torch.randperm(len(names))
        total = torch.zeros(4)
        for index in order.split(args.batch)[:per_epoch]:
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(args, step, steps)
            view = torch.randint(views.pixels.shape[1], (len(index),))
            side = side_at(step / steps)
            x = augment_batch(views, index, view, side)
            places = torch.zeros(())
            with autocast(ARITHMETIC, "cpu"):
                last, maps = net.forward_intermediates(x)
                pooled = net.forward_head(last, pre_logits=True)
                logits = net.forward_head(last).float()
                copied = mimic(pooled).float()
                if side < TEACHER_SIDE:  # later the guide would cost more than it teaches
                    places = imitation(x, maps).float()
            hard = F.cross_entropy(logits, views.labels[index], label_smoothing=0.05)
            soft = F.cross_entropy(logits, views.probe[index, view])
            copycat = F.mse_loss(copied, views.features[index, view])
            loss = 0.5 * hard + 0.5 * soft + copycat + 3 * places
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(params, 2.0)
            optimiser.step()
            decay = min(0.998, (step + 1) / (step + 20))
            with torch.no_grad():
                for old, new in zip(
                    average.state_dict().values(), net.state_dict().values(), strict=True
                ):
                    old.lerp_(new, 1 - decay) if old.is_floating_point() else old.copy_(new)
            total += torch.tensor([hard.item(), soft.item(), copycat.item(), places.item()])
            step += 1
        epoch = step // per_epoch
        mean = [round(float(v), 3) for v in total / per_epoch]
        left = (time.time() - begin) / (step - first) * (steps - step) / 60
        print(f"epoch {epoch}: hard, soft, mimic, places {mean}; {left:.0f} min left", flush=True)
        torch.save(
            {
                "net": net.state_dict(),
                "mimic": mimic.state_dict(),
                "imitation": imitation.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step,
            },
            state,
        )
        if args.probe_every and epoch % args.probe_every == 0:
            print(f"  train-split top-1 {evaluate(average, args.root, names[::8], classes):.4f}")
    return average


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("weights/afd_resnet12.safetensors"))
    parser.add_argument("--import", dest="module", type=Path)
    parser.add_argument("--teacher", action="append", default=[])
    parser.add_argument("--guide", required=True)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=70)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--probe-every", type=int, default=10)
    args = parser.parse_args()
    if args.module:
        import_source(str(args.module))
    args.work.mkdir(parents=True, exist_ok=True)
    names, test = split(args.root)
    classes = sorted({n.split("/")[0] for n in names})
    views = prepare(args, names, classes)
    net = train(args, views, names, test)
    top1 = evaluate(net, args.root, test, classes)
    print(f"test top-1 {top1:.4f} (n = {len(test)})")
    tensors = {
        k: v.half().contiguous() if v.is_floating_point() else v
        for k, v in net.state_dict().items()
    }
    save_file(
        tensors, args.out, {"class_names": json.dumps(classes), "architecture": embedded.NAME}
    )


if __name__ == "__main__":
    main()

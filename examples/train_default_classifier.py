"""Train the classifier that ships with afd (``weights/afd_resnet12.safetensors``) from scratch.

Caltech-101, 80 % of every class for training (see ``caltech101_split.py``). The student learns
from hard labels, and from two ImageNet teachers that see the same crops: through throw-away
heads it must predict their pooled features (reduced by PCA), the soft labels of a linear probe on
those features, and, place by place, the last teacher's feature maps at strides 8, 16 and 32.
Teachers only ever see training images here. The picture grows during training: 128, 160, 192 px.

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
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from caltech101_split import split
from default_classifier_views import (
    ARITHMETIC,
    IMAGENET_MEAN,
    IMAGENET_STD,
    SIDE,
    TEACHER_SIDE,
    Views,
    augment_batch,
    prepare,
)
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.transforms import v2

from afdcli.backbones import embedded
from afdcli.backbones.loader import import_source
from afdcli.backbones.precision import autocast

LOSS_WEIGHTS = torch.tensor([0.5, 0.5, 1.0, 3.0])  # in the order of `Student.losses`


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


def learning_rate(peak: float, step: int, steps: int) -> float:
    """A short warm-up, then a cosine to zero."""
    warm = min(1.0, (step + 1) / 200)
    return peak * warm * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def side_at(progress: float) -> int:
    """Side of the picture, pixels: small ones teach the coarse things first, and fast."""
    return 128 if progress < 0.36 else 160 if progress < 0.7 else SIDE


class Student:
    """The network in training: with its throw-away heads, its running average, its optimiser."""

    def __init__(self, views: Views, lr: float) -> None:
        self.views, self.lr, self.step = views, lr, 0
        self.net = timm.create_model(embedded.NAME, drop_rate=0.1)
        self.net = self.net.to(memory_format=torch.channels_last)
        self.mimic = nn.Linear(self.net.num_features, views.features.shape[-1])
        self.average = copy.deepcopy(self.net)
        self.imitation = Imitation(self.net, views.guide)
        trained = (self.net, self.mimic, self.imitation)
        self.params = [p for part in trained for p in part.parameters()]
        self.optimiser = torch.optim.AdamW(self.params, lr, weight_decay=0.05)

    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """What a checkpoint holds besides the step."""
        names = ("net", "mimic", "imitation", "average", "optimiser")
        return {name: getattr(self, name) for name in names}

    def save(self, file: Path) -> None:
        """Write a checkpoint."""
        state = {name: part.state_dict() for name, part in self.parts().items()}
        torch.save({**state, "step": self.step}, file)

    def load(self, file: Path) -> None:
        """Go on from what `save` wrote."""
        saved = torch.load(file, weights_only=True)
        for name, part in self.parts().items():
            part.load_state_dict(saved[name])
        self.step = saved["step"]

    def losses(self, index: Tensor, side: int) -> Tensor:
        """(4,): hard labels, soft labels, teachers' features, the guide's places."""
        view = torch.randint(self.views.pixels.shape[1], (len(index),))
        x = augment_batch(self.views, index, view, side)
        places = torch.zeros(())
        with autocast(ARITHMETIC, "cpu"):
            last, maps = self.net.forward_intermediates(x)
            pooled = self.net.forward_head(last, pre_logits=True)
            logits = self.net.forward_head(last).float()
            copied = self.mimic(pooled).float()
            if side < TEACHER_SIDE:  # later the guide would cost more than it teaches
                places = self.imitation(x, maps).float()
        hard = F.cross_entropy(logits, self.views.labels[index], label_smoothing=0.05)
        soft = F.cross_entropy(logits, self.views.probe[index, view])
        copycat = F.mse_loss(copied, self.views.features[index, view])
        return torch.stack([hard, soft, copycat, places])

    def update(self, index: Tensor, steps: int) -> Tensor:
        """One step of *steps* in all, on the photos *index*; returns the `losses`."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.lr, self.step, steps)
        losses = self.losses(index, side_at(self.step / steps))
        self.optimiser.zero_grad(set_to_none=True)
        (losses * LOSS_WEIGHTS).sum().backward()
        nn.utils.clip_grad_norm_(self.params, 2.0)
        self.optimiser.step()
        self._average(min(0.998, (self.step + 1) / (self.step + 20)))
        self.step += 1
        return losses.detach()

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        """Running average of weights, and of the normalisations' statistics."""
        states = self.average.state_dict().values(), self.net.state_dict().values()
        for old, new in zip(*states, strict=True):
            old.lerp_(new, 1 - decay) if old.is_floating_point() else old.copy_(new)


def train(
    args: argparse.Namespace, views: Views, names: list[str], classes: list[str]
) -> nn.Module:
    """AdamW, cosine schedule, averaged weights, growing pictures."""
    torch.manual_seed(1)
    student = Student(views, args.lr)
    per_epoch = len(names) // args.batch
    steps = args.epochs * per_epoch
    state = args.work / "student.pt"
    if state.exists():
        student.load(state)
    begin, first = time.time(), student.step
    while student.step < steps:
        student.net.train()
        order = torch.randperm(len(names))
        total = torch.zeros(4)
        for index in order.split(args.batch)[:per_epoch]:
            total += student.update(index, steps)
        epoch = student.step // per_epoch
        mean = [round(float(v), 3) for v in total / per_epoch]
        left = (time.time() - begin) / (student.step - first) * (steps - student.step) / 60
        print(f"epoch {epoch}: hard, soft, mimic, places {mean}; {left:.0f} min left", flush=True)
        student.save(state)
        if args.probe_every and epoch % args.probe_every == 0:
            right = evaluate(student.average, args.root, names[::8], classes)
            print(f"  train-split top-1 {right:.4f}")
    return student.average


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
    net = train(args, views, names, classes)
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

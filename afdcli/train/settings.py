"""The settings of a training run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from afdcli.constants import CELL
from afdcli.errors import UsageError


def checkpoint_path(out: Path) -> Path:
    """The checkpoint of a run, beside its module: ``module.safetensors`` -> ``module.ckpt``."""
    return out.with_suffix(".ckpt")


@dataclass(frozen=True)
class TrainRecipe:
    """Settings that depend on the plug point.

    Attributes:
        feature: weight of the feature loss. It leads at the stem. On pixels it only keeps the
            output near the picture: a smaller pixel error does not mean a better classification.
        ramp: share of the budget over which the weights of the other losses grow from zero. At
            full weight from the start, they swamp the feature loss.
        gating: learning rate of FDE-Net, which makes the gates, relative to the rest. On pixels,
            FE-Net's first output is noise: gates that learn as fast as the rest close before
            FE-Net has learnt anything, and a saturated sigmoid does not open again.
        wait: share of the budget for which FDE-Net is frozen, for the same reason.
        varied: see `afdcli.train.augment`.
    """

    feature: float
    ramp: float
    gating: float
    wait: float
    varied: bool

    def for_trained(self) -> TrainRecipe:
        """The same for a module that is trained already: no ramp and no frozen FDE-Net.

        The feature loss alone would undo what the module learnt from the outputs.
        """
        return replace(self, ramp=0.0, wait=0.0)


RECIPES = {
    "stem": TrainRecipe(feature=1.0, ramp=0.33, gating=1.0, wait=0.0, varied=False),
    "input": TrainRecipe(feature=0.025, ramp=0.05, gating=0.1, wait=0.15, varied=True),
}


@dataclass(frozen=True)
class Mix:
    """How training photos are degraded. Shares are probabilities, 0 to 1.

    Attributes:
        clean: share of photos left as they are, so that the module learns to do no harm.
        single, double: share of one and two compressions; the rest has three to five.
        paper: share of pictures whose quality factors are all drawn from the paper's five; those
            of the rest are log-uniform between `lowest` and `highest`.
        other_codec: share whose last compression is AVIF or WebP instead of JPEG.
        full_chroma: share compressed as 4:4:4 instead of 4:2:0; a little 4:2:2 besides.
        recoloured: share whose brightness, contrast and saturation are changed beforehand.
        mixed: share made of two photos, see `afdcli.train.pairs.mixed`; cropped as in the paper.
        native: share of the others compressed at another size than the classifier's, then resized
            and cropped by the view; the rest is cropped first, as in the paper's protocol.
        shrunk: share of those, if compressed twice or more, that is made smaller before the last
            compression.
        lossless: share of those that is stored without loss at the end, like a screenshot.
    """

    clean: float = 0.1
    single: float = 0.5
    double: float = 0.25
    paper: float = 0.4
    lowest: int = 5
    highest: int = 90
    other_codec: float = 0.05
    full_chroma: float = 0.1
    recoloured: float = 0.6
    mixed: float = 0.6
    native: float = 0.5
    shrunk: float = 0.5
    lossless: float = 0.05


@dataclass(frozen=True)
class TrainSettings:
    """Options of one run; stored in checkpoints and in the module's metadata.

    Attributes:
        minutes, steps: the budget; whichever is set and used up first ends the run.
        batch_size: pairs per step.
        lr: peak learning rate, after a warm-up of 5 % of the budget; cosine to zero.
        divergence: weight of the divergence between the classifier's outputs for the clean and
            for the restored picture, relative to the feature loss.
        temperature: of the outputs in that divergence.
        deep: weight of the loss at the ends of the classifier's stages, see
            `afdcli.train.losses.deep_loss`; grows with `divergence`.
        side: of the training pictures, in pixels; 0 for the size of the view. Convolutional
            networks train faster on smaller pictures, but the module then fits that size: near
            the view's own is best.
        angle: share of the angle in the feature loss; the rest is L1. Stem plug only.
        fdm: weight of `afdcli.train.losses.map_loss`; an ablation, stem plug only.
        ema: decay of the averaged weights, which are what is validated and saved.
        reuse: times that a pair is used, see `afdcli.train.pair_cache`.
        precision: "fp32", "bf16" or "fp16": arithmetic of the networks; weights are float32.
        validation: photos held out, each degraded once.
        init: name of the module file that the run begins with; "" for a new module.
        icc: colour profiles of the photos are applied.
        seed: random seed.
        mix: degradations.
    """

    minutes: float | None = 20.0
    steps: int | None = None
    batch_size: int = 8
    lr: float = 3e-3
    divergence: float = 0.25
    temperature: float = 3.0
    deep: float = 2.0
    side: int = 208
    angle: float = 0.5
    fdm: float = 0.0
    ema: float = 0.998
    reuse: int = 4
    precision: str = "fp32"
    validation: int = 64
    init: str = ""
    icc: bool = True
    seed: int = 0
    mix: Mix = Mix()

    def __post_init__(self) -> None:
        """Raises UsageError for pictures that no whole number of cells covers."""
        if self.side % CELL:
            raise UsageError(f"--side {self.side}: must be a multiple of {CELL}, or 0")

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

"""The options of ``afd train`` that no other command has."""

from __future__ import annotations

from afdcli.cli.completion import backbones
from afdcli.cli.help import AFD, CLASSIFIER, INPUT, OUTPUT, SPEED, TRAINING
from afdcli.cli.options import MOST_WORKERS

DATA = INPUT.option(
    "--data DIR",
    "Folder of good, unlabelled photos; repeatable. All folders contribute equally many pairs.",
)
EXCLUDE = INPUT.option(
    "--exclude-list,--exclude FILE", "Photos not to train on: one relative path per line."
)
VALIDATION = INPUT.option("--validation N", "Photos held out for validation.", (5, 50_000))
BACKBONE = CLASSIFIER.option(
    "--backbone NAME[=FILE]",
    "Any timm name, optionally with its weights file; repeatable with --plug input."
    " Default: EfficientNet-Lite0.",
    complete=backbones,
)
PRESET = AFD.option(
    "--preset auto|light|best|paper",
    "Module size. light: the default at the stem. best: larger and slower; no better"
    " with a few hundred photos. paper: correction at the stem only.",
)
PLUG = AFD.option(
    "--plug stem|input",
    "stem: behind the first layers; recovers most, fits this backbone only."
    " input: in front of the classifier; fits any.",
)
PLUG_AT = AFD.option("--plug-at MODULE", "Plug in behind this submodule of the backbone instead.")
INIT = AFD.option("--init FILE", "Start from this trained module instead of a new one.")
MINUTES = TRAINING.option(
    "--minutes X", "Training time. Default: 20, unless --steps is given.", (0.01, 100_000.0)
)
STEPS = TRAINING.option("--steps N", "Training steps.", (1, 10**9))
BATCH_SIZE = TRAINING.option("--batch-size N", "Pairs per step.", (1, 65_536))
LR = TRAINING.option("--lr X", "Peak learning rate.", (0.0, 1.0))
DIVERGENCE = TRAINING.option(
    "--divergence X", "Loss weight of the output divergence.", (0.0, 1000.0)
)
DEEP = TRAINING.option(
    "--deep X", "Loss weight of the features at the ends of the stages.", (0.0, 1000.0)
)
ANGLE = TRAINING.option(
    "--angle X", "Share of the angle in the feature loss; the rest is L1.", (0.0, 1.0)
)
SIDE = TRAINING.option(
    "--side PX", "Side of the training crops; 0: the classifier's input size.", (0, 4096)
)
REUSE = TRAINING.option("--reuse N", "How often each pair is used.", (1, 10_000))
OUT = OUTPUT.option("-o,--out FILE", "Module file to write (.safetensors).")
RESUME = OUTPUT.option("--resume", "Continue from the checkpoint beside --out.")
PRECISION = SPEED.option(
    "--precision auto|fp32|bf16|fp16",
    "Numeric precision. auto uses bf16 where the hardware is fast at it.",
)
WORKERS = SPEED.option("--workers N", "Processes that make training pairs.", (1, MOST_WORKERS))

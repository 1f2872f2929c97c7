"""The options of ``afd train`` that no other command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from afdcli.cli.completion import backbones
from afdcli.cli.help import AFD, CLASSIFIER, INPUT, OUTPUT, SPEED, TRAINING
from afdcli.cli.options import MOST_WORKERS, option

Data = Annotated[
    list[Path],
    option(
        "--data DIR",
        INPUT,
        "Folder of good, unlabelled photos; repeatable. Each folder gives as many pairs.",
    ),
]
Exclude = Annotated[
    Path | None,
    option(
        "--exclude-list,--exclude FILE",
        INPUT,
        "Photos not to train on: one relative path per line.",
    ),
]
Validation = Annotated[
    int, option("--validation N", INPUT, "Photos held out for validation.", (5, 50_000))
]
Backbone = Annotated[
    list[str] | None,
    option(
        "--backbone NAME[=FILE]",
        CLASSIFIER,
        "Any timm name, and its weights file; repeatable with --plug input."
        " Default: EfficientNet-Lite0.",
        complete=backbones,
    ),
]
Preset = Annotated[
    str,
    option(
        "--preset auto|light|best|paper",
        AFD,
        "Module size. auto: light at the stem; best: larger, for quality alone; "
        "paper: without corrections behind the stem.",
    ),
]
Plug = Annotated[
    str,
    option(
        "--plug stem|input",
        AFD,
        "stem, behind the first layers, recovers most, for this backbone only; "
        "input, in front of it, is for any backbone.",
    ),
]
PlugAt = Annotated[
    str | None,
    option("--plug-at MODULE", AFD, "Plug in behind this module of the backbone instead."),
]
Init = Annotated[
    Path | None, option("--init FILE", AFD, "Start from this trained module instead of a new one.")
]
Minutes = Annotated[
    float | None,
    option(
        "--minutes X",
        TRAINING,
        "Training time. Default: 20, unless --steps is given.",
        (0.01, 100_000.0),
    ),
]
Steps = Annotated[int | None, option("--steps N", TRAINING, "Training steps.", (1, 10**9))]
BatchSize = Annotated[int, option("--batch-size N", TRAINING, "Pairs per step.", (1, 65_536))]
Lr = Annotated[float, option("--lr X", TRAINING, "Peak learning rate.", (0.0, 1.0))]
Divergence = Annotated[
    float,
    option("--divergence X", TRAINING, "Loss weight of the output divergence.", (0.0, 1000.0)),
]
Deep = Annotated[
    float,
    option(
        "--deep X",
        TRAINING,
        "Loss weight of the features at the ends of the stages.",
        (0.0, 1000.0),
    ),
]
Angle = Annotated[
    float,
    option(
        "--angle X", TRAINING, "Share of the angle in the feature loss; the rest is L1.", (0.0, 1.0)
    ),
]
Side = Annotated[
    int,
    option(
        "--side PX",
        TRAINING,
        "Side of the training crops; 0: the classifier's input size.",
        (0, 4096),
    ),
]
Reuse = Annotated[int, option("--reuse N", TRAINING, "How often each pair is used.", (1, 10_000))]
Out = Annotated[Path, option("-o,--out FILE", OUTPUT, "Module file to write (.safetensors).")]
Resume = Annotated[bool, option("--resume", OUTPUT, "Continue from the checkpoint beside --out.")]
Precision = Annotated[
    str,
    option(
        "--precision auto|fp32|bf16|fp16",
        SPEED,
        "Arithmetic. auto uses bf16 where the hardware is fast at it.",
    ),
]
Workers = Annotated[
    int, option("--workers N", SPEED, "Processes that make training pairs.", (1, MOST_WORKERS))
]

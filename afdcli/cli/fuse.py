"""``afd fuse``: fold a module's branches, and write it for afd or for other runtimes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.console import Console
from rich.table import Table

from afdcli.cli import console, options
from afdcli.cli.command import ConfigOption, command_line
from afdcli.cli.completion import backbones
from afdcli.cli.help import CLASSIFIER, OUTPUT
from afdcli.cli.options import argument
from afdcli.errors import UsageError
from afdcli.storage.writable import check_file

if TYPE_CHECKING:
    from afdcli.core.weights_file import Fused

_FORMATS = ("safetensors", "pt2", "onnx")

MODULE = argument("FILE", "Module written by `afd train`.")
BACKBONE = CLASSIFIER.option(
    "--backbone NAME",
    "With pt2 or onnx: export the module inside this classifier.",
    complete=backbones,
)
OUT = OUTPUT.option(
    "-o,--out FILE", "File to write. Default: the module's name with .fused before the suffix."
)
KIND = OUTPUT.option(
    "-f,--format safetensors|pt2|onnx",
    "safetensors is for afd, pt2 and onnx are for other runtimes.",
)


def fuse(
    module: Annotated[Path, MODULE],
    backbone: Annotated[str | None, BACKBONE] = None,
    checkpoint: Annotated[Path | None, options.CHECKPOINT] = None,
    imports: Annotated[list[str] | None, options.IMPORT] = None,
    out: Annotated[Path | None, OUT] = None,
    kind: Annotated[str, KIND] = "safetensors",
    as_json: Annotated[bool, options.JSON] = False,
    config: ConfigOption = None,
    quiet: Annotated[bool, options.QUIET] = False,
    debug: Annotated[bool, options.DEBUG] = False,
) -> None:
    """Fold a module's RepConv branches into 3x3 convolutions, or export it to pt2 or ONNX.

    The outputs are compared before the file is kept. `afd classify` folds modules in memory when
    it loads them; fuse a module to ship it.

    Examples:
        afd fuse mine.safetensors
        afd fuse mine.safetensors --format pt2 --backbone tf_efficientnet_lite0
    """
    if kind not in _FORMATS:
        raise UsageError(f"--format {kind}: choose {', '.join(_FORMATS)}")
    out = out or module.with_suffix(f".fused.{kind}")
    other = out.suffix.removeprefix(".")
    if other != kind and other in _FORMATS:
        raise UsageError(f"--out {out} would contain {kind}; use --format {other}, or another name")
    if kind == "safetensors" and backbone is not None:
        raise UsageError("--backbone goes with --format pt2 or onnx")
    check_file(out, inputs=(module, checkpoint))
    console.say_loading(" in ".join(map(str, filter(None, (module, backbone)))), quiet)
    screen = console.out(quiet or as_json)
    if kind == "safetensors":
        facts = _fuse(module, out, screen)
    else:
        facts = _export(module, out, kind, backbone, checkpoint, imports, screen)
    if as_json:
        console.print_json({"command": command_line(), "module": str(out), "format": kind, **facts})


def _fuse(module: Path, out: Path, screen: Console) -> dict[str, Any]:
    from afdcli.core.weights_file import fuse_file

    result = fuse_file(module, out)
    screen.print(_table(result))
    screen.print(
        f"largest output difference {result.difference:.1e}; written: {out}", soft_wrap=True
    )
    return {
        "branches": asdict(result.before),
        "fused": asdict(result.after),
        "largest_difference": result.difference,
    }


def _export(
    file: Path,
    out: Path,
    kind: str,
    backbone: str | None,
    checkpoint: Path | None,
    imports: list[str] | None,
    screen: Console,
) -> dict[str, Any]:
    from afdcli.models import export

    if backbone is None:
        from afdcli.core import weights_file

        module, _ = weights_file.load(file)
        subject = export.alone(module if module.config.fused else module.reparameterize())
    else:
        from afdcli.models.afd_classifier import AFDClassifier
        from afdcli.models.afd_file import find_module
        from afdcli.models.bn_folding import fold_batch_norms
        from afdcli.models.loader import load_backbone

        loaded = load_backbone(backbone, checkpoint=checkpoint, imports=imports or ())
        view = (loaded.spec.height, loaded.spec.width)
        fold_batch_norms(loaded.net, view)
        subject = export.whole(AFDClassifier(loaded, find_module(str(file), loaded)).eval())
    worst = export.export(subject, out, "pt2" if kind == "pt2" else "onnx")
    screen.print(f"inputs: {', '.join(subject.inputs)}; outputs: {', '.join(subject.outputs)}")
    sizes = " and ".join(map(str, export.BATCHES))
    screen.print(
        f"largest difference from torch {worst:.1e}, batches of {sizes}; written: {out}",
        soft_wrap=True,
    )
    return {"inputs": subject.inputs, "outputs": subject.outputs, "largest_difference": worst}


def _table(result: Fused) -> Table:
    table = Table(title="per 224x224 picture, median of 7 runs")
    table.add_column("")
    for column in ("parameters", "MACs", "milliseconds"):
        table.add_column(column, justify="right")
    for name, cost in (("branches", result.before), ("fused", result.after)):
        table.add_row(
            name, f"{cost.parameters:,}", f"{cost.macs / 1e6:,.0f} M", f"{cost.milliseconds:.1f}"
        )
    ratio = result.before.milliseconds / result.after.milliseconds
    table.add_row("ratio", "", "", f"{ratio:.2f}x", style="bold")
    return table

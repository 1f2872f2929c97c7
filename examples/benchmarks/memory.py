"""Peak memory of `afd classify` over few and over many rows: it does not grow with their number.

The photos are 64 px small and given again and again to a classifier of ten layers and the general
`input` module: what is kept per row does not depend on either, and so many rows take minutes, not
hours. `speed.py` runs it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from classify_run import Ran, command, run
from PIL import Image, ImageOps

NAME = "afd_tiny"
SOURCE = f"""
from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet

@register_model
def {NAME}(pretrained=False, **kwargs):
    kwargs.pop("pretrained_cfg", None), kwargs.pop("pretrained_cfg_overlay", None)
    kwargs.pop("cache_dir", None)
    kwargs["num_classes"] = 10
    net = ResNet(BasicBlock, (1, 1, 1, 1), channels=(8, 8, 8, 8), stem_width=8, **kwargs)
    net.pretrained_cfg = net.default_cfg = {{"input_size": (3, 32, 32), "crop_pct": 1.0}}
    return net
"""
FILES = 200


def prepare(photos: list[Path], folder: Path) -> list[str]:
    """Small files of the *photos*, and the classifier, in *folder*; the command that uses it."""
    import timm
    from safetensors.torch import save_file

    from afdcli.models.imports import import_source

    for i, path in enumerate(photos[:FILES]):
        with Image.open(path) as image:
            ImageOps.fit(image.convert("RGB"), (64, 64)).save(folder / f"{i}.jpg", quality=20)
    source, weights = folder / "tiny.py", folder / "tiny.safetensors"
    source.write_text(SOURCE)
    import_source(str(source))
    net = timm.create_model(NAME)
    save_file(net.state_dict(), weights, {"class_names": json.dumps([str(i) for i in range(10)])})
    return command(f"{NAME}={weights}", [str(source)], "-")


def over_rows(photos: list[Path], counts: list[int], cache: Path) -> list[Ran]:
    """One run for each number of rows in *counts*."""
    with tempfile.TemporaryDirectory() as made:
        line = prepare(photos, Path(made))
        files = sorted(str(path) for path in Path(made).glob("*.jpg"))
        names = ["\n".join(files[i % len(files)] for i in range(count)) for count in counts]
        run(line, cache, 1, files[0])  # converts the network, which takes memory, too
        return [run(line, cache, *each) for each in zip(counts, names, strict=True)]

"""The options of the Python `Classifier`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from afdcli.classify.settings import Settings
from afdcli.errors import UsageError

#: Options about results files and processes, which `Classifier` does not have.
UNSUPPORTED = (
    *(
        "inputs",
        "out",
        "rows_per_part",
        "labels",
        "workers",
        "timeout",
        "memory",
        "resume",
        "shard",
    ),
    *("limit", "sample", "seed", "export_failed", "embeddings", "embeddings_dtype"),
    *("engine", "actors", "actor_gpus", "sources"),
)
_PATHS = ("checkpoint", "class_names")


class Options(TypedDict, total=False):
    """Keyword arguments of `Classifier`, each described in `Settings`."""

    checkpoint: str | Path | None
    imports: str | Path | Sequence[str | Path]
    class_names: str | Path | None
    afd: str | Path
    compare: bool
    topk: int
    min_prob: float | None
    resize: Literal["fast", "exact"]
    near: Literal["crop", "resize"]
    batch_size: int | None
    max_pixels: int
    strict: bool
    icc: bool
    exif: bool
    device: str
    precision: str
    runtime: str
    compile: bool


def settings_of(backbone: str, options: Options) -> Settings:
    """The settings for *options*, in which one import may stand alone, and paths may be strings.

    Raises:
        UsageError: there is no such option, or a value is not allowed.
    """
    if unknown := set(options) - set(Options.__annotations__):
        names, known = ", ".join(sorted(unknown)), ", ".join(sorted(Options.__annotations__))
        raise UsageError(f"Classifier has no option {names}; it has {known}")
    values: dict[str, Any] = dict(options)
    for name in _PATHS:
        if isinstance(values.get(name), str):
            values[name] = Path(values[name])
    imports = values.get("imports", ())
    several = [imports] if isinstance(imports, str | Path) else imports
    values["imports"] = tuple(map(str, several))
    values["afd"] = str(values.get("afd", Settings.afd))
    settings = Settings(backbone=backbone, **values)
    settings.check()
    return settings

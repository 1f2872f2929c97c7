"""The options of a classify run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from afdcli.codec.read import Limits
from afdcli.errors import UsageError
from afdcli.models.packaged import DEFAULT
from afdcli.results.parts import ROWS_PER_PART, check_out
from afdcli.storage.paths import Place, Url
from afdcli.workers.pool import MEBI, MEMORY_LIMIT

_POSITIVE = (
    *("topk", "batch_size", "workers", "timeout", "memory", "max_pixels", "actors"),
    "rows_per_part",
)


@dataclass(frozen=True)
class Settings:
    """Everything about a run but its inputs; see ``afd classify --help``.

    Attributes:
        out: where the results go; behind a URL always in parts.
        rows_per_part: makes of *out* a folder of parts with so many rows each.
        resize: "auto" only crops pictures that fit the classifier already, see
            `ViewSpec.near`; "always" resizes them, too, as timm does.
        batch_size, workers: None for a choice by device and processor.
        timeout: seconds that one file may take.
        memory: MiB that a process which reads files may hold.
        strict: damaged files fail.
        icc: colour profiles are applied.
        shard: which part of the inputs this is, "I/N".
        engine: "local" or "ray".
        actors, actor_gpus: on Ray, how many networks, None for one per CPU (at most 8; 1 with
            GPUs); and the share of a GPU that each has.
        compile: through ``torch.compile``.
        resume: go on behind the rows that are in the results already.
    """

    out: Place = Path("results.csv")
    rows_per_part: int | None = None
    backbone: str = DEFAULT
    checkpoint: Path | None = None
    imports: tuple[str, ...] = ()
    class_names: Path | None = None
    afd: str = "auto"
    compare: bool = False
    labels: str | None = None
    topk: int = 1
    resize: str = "auto"
    batch_size: int | None = None
    workers: int | None = None
    timeout: float = 60.0
    memory: int = MEMORY_LIMIT // MEBI
    max_pixels: int = Limits().max_pixels
    strict: bool = False
    icc: bool = True
    device: str = "auto"
    precision: str = "auto"
    runtime: str = "auto"
    compile: bool = False
    shard: str = "1/1"
    engine: str = "local"
    actors: int | None = None
    actor_gpus: float = 0.0
    resume: bool = False

    @property
    def part(self) -> int | None:
        """Rows of a part; None for results in one file."""
        return self.rows_per_part or (ROWS_PER_PART if isinstance(self.out, Url) else None)

    def check(self) -> None:
        """See that the settings fit together, before anything slow is done.

        Raises:
            UsageError: they do not.
        """
        check_out(self.out, self.part)
        if self.resize not in ("auto", "always"):
            raise UsageError(f"--resize {self.resize}: choose auto or always")
        if self.engine not in ("local", "ray"):
            raise UsageError(f"--engine {self.engine}: choose local or ray")
        if self.engine == "ray" and not find_spec("ray"):
            raise UsageError("--engine ray is not installed: pip install 'afdcli[ray]'")
        if self.compare and self.afd == "off":
            raise UsageError("--compare shows what AFD changes: it needs --afd auto or a file")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"--{name.replace('_', '-')} must be more than 0")

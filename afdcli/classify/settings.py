"""The options of a classify run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from afdcli.codec.limits import Limits
from afdcli.errors import UsageError
from afdcli.inputs.labels import FOLDERS, check_labels
from afdcli.models.shipped import DEFAULT
from afdcli.results.parts import ROWS_PER_PART, check_out
from afdcli.storage.paths import Place, Url
from afdcli.storage.writable import check_file
from afdcli.workers.pool import MEBI, MEMORY_LIMIT

if TYPE_CHECKING:
    from afdcli.view.spec import Resize

_POSITIVE = (
    *("topk", "batch_size", "workers", "timeout", "memory", "max_pixels", "actors"),
    *("rows_per_part", "limit", "sample"),
)


@dataclass(frozen=True)
class Settings:
    """All options of a run; see ``afd classify --help``.

    Attributes:
        inputs: absolute paths and URLs of what is classified, for the metadata.
        out: results file, folder of parts or URL; results at a URL are always in parts.
        rows_per_part: rows per file if *out* is to be a folder of parts; None for one file.
        backbone: name of the classifier.
        checkpoint: file with weights of the classifier; None for its pretrained weights.
        imports: Python files or modules to import first, which may register classifiers.
        class_names: file with class names; None for those of the classifier.
        afd: "auto", "best", "off", or the path of an AFD module.
        compare: also predict without AFD.
        labels: file with true classes, or "folders"; None if unknown.
        topk: classes per row, at least 1.
        resize: "fast", or "exact" for timm's pixels bit for bit, see `ViewSpec.resize`.
        near: "crop" only crops pictures that are close to the classifier's input size, see
            `ViewSpec.near`; "resize" resizes these too, as timm does.
        batch_size: pictures per pass; None to choose by device.
        workers: processes that read files; None for one per CPU core.
        timeout: seconds allowed per file.
        memory: memory limit of each worker process, in MiB.
        max_pixels: pictures with more pixels fail.
        strict: damaged files fail.
        icc: apply ICC colour profiles.
        exif: add columns with the time and place of each photo.
        device: "auto" or a torch device.
        precision, runtime: see ``--precision`` and ``--runtime``.
        compile: run the network through ``torch.compile``.
        limit, sample, seed: which of the inputs to classify, see
            `afdcli.inputs.selection.Selection`.
        embeddings: file for the pooled features, .npy or .parquet; None for none.
        embeddings_dtype: "float32" or "float16".
        min_prob: rows whose best class is less probable are marked as unsure; None for no mark.
        export_failed: list of failed files to write at the end, see `afdcli.results.retry`.
        shard: share of the inputs to classify, "I/N" with I from 1 to N.
        engine: "local" or "ray".
        actors: networks on Ray; None for one per CPU (at most 8; 1 with GPUs).
        actor_gpus: share of a GPU per network on Ray.
        resume: continue after the rows that the results hold already.
        sources: what set each option that does not have its default, such as "command line" or
            "afd.toml"; for the metadata.
    """

    inputs: tuple[str, ...] = ()
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
    resize: Resize = "fast"
    near: str = "crop"
    batch_size: int | None = None
    workers: int | None = None
    timeout: float = 60.0
    memory: int = MEMORY_LIMIT // MEBI
    max_pixels: int = Limits().max_pixels
    strict: bool = False
    icc: bool = True
    exif: bool = False
    device: str = "auto"
    precision: str = "auto"
    runtime: str = "auto"
    compile: bool = False
    limit: int | None = None
    sample: int | None = None
    seed: int | None = None
    embeddings: Path | None = None
    embeddings_dtype: str = "float32"
    min_prob: float | None = None
    export_failed: Path | None = None
    shard: str = "1/1"
    engine: str = "local"
    actors: int | None = None
    actor_gpus: float = 0.0
    resume: bool = False
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def part(self) -> int | None:
        """Rows per part; None for results in one file."""
        return self.rows_per_part or (ROWS_PER_PART if isinstance(self.out, Url) else None)

    def check(self) -> None:
        """Check, before slow work, that the options are valid and fit together.

        Raises:
            UsageError: they are not.
        """
        if self.labels is not None:
            check_labels(self.labels)
        if self.resize not in ("fast", "exact"):
            raise UsageError(f"--resize {self.resize}: choose fast or exact (and see --near)")
        if self.near not in ("crop", "resize"):
            raise UsageError(f"--near {self.near}: choose crop or resize")
        if self.engine not in ("local", "ray"):
            raise UsageError(f"--engine {self.engine}: choose local or ray")
        if self.engine == "ray" and not find_spec("ray"):
            raise UsageError("Ray is not installed: pip install 'afdcli[ray]'")
        if self.compare and self.afd == "off":
            raise UsageError("--compare shows what AFD changes: not with --afd off")
        if self.min_prob is not None and not 0 <= self.min_prob <= 1:  # NaN, too
            raise UsageError(f"--min-prob {self.min_prob}: give a probability from 0 to 1")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"--{name.replace('_', '-')} must be greater than 0")

    def check_outputs(self) -> None:
        """Check, before slow work, that all files of a run can be written; on its machine only.

        Raises:
            UsageError: they cannot, or one of them is an input or another output.
        """
        check_out(self.out, self.part)
        if self.embeddings is not None:
            from afdcli.results.embeddings import check_embeddings

            others = self._others(self.embeddings)
            check_embeddings(self.embeddings, self.out, self.embeddings_dtype, others)
        if (failed := self.export_failed) is not None:
            check_file(failed, "--export-failed", [self.embeddings, *self._others(failed)])

    def _others(self, out: Path) -> list[Path | None]:
        """Files that the output *out* must not replace."""
        labels = None if self.labels in (None, FOLDERS) else Path(str(self.labels))
        results = self.out if isinstance(self.out, Path) else None
        photos = [Path(name) for name in self.inputs if name.endswith(out.name)]
        return [results, labels, self.checkpoint, self.class_names, Path(self.afd), *photos]

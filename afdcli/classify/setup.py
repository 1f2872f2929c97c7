"""Prepare a classify run: classifier, AFD module and network, labels, columns, sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afdcli.classify.recorded import find, keep, key_of_start
from afdcli.classify.settings import Settings
from afdcli.classify.start import Start
from afdcli.errors import ErrorCode, PhotoError
from afdcli.inference.cascade import PASS, Cascade, Networks
from afdcli.inference.network import Network
from afdcli.inference.predictor import ImageResult, Predictor
from afdcli.inputs.found import Found
from afdcli.inputs.labels import Labels, load_labels
from afdcli.models.device import batch_size, kind_of
from afdcli.results.metadata import backbone_facts, module_facts
from afdcli.results.rows import Columns, Row
from afdcli.storage.paths import Url
from afdcli.workers.cpus import available_cpus
from afdcli.workers.read_task import ReadResult

if TYPE_CHECKING:
    from afdcli.classify.arithmetic import Arithmetic


@dataclass(frozen=True)
class Setup(Start):
    """A classify run that is ready to start.

    Attributes:
        settings: options of the run.
        networks: classifier and module as one network, and the margin of close calls.
        labels: the true classes; None without ``--labels``.
        columns: columns of the results.
        batch_size: pictures per pass.
        workers: number of processes that read files.
    """

    settings: Settings
    networks: Networks
    labels: Labels | None
    columns: Columns
    batch_size: int
    workers: int

    @property
    def arithmetic(self) -> Arithmetic:
        """Numerical settings of the run."""
        from afdcli.classify.arithmetic import Arithmetic  # loads torch

        return Arithmetic.of(self.precision, self.runtime, self.batch_size)

    def cascade(self) -> Cascade:
        """A new cascade of the networks."""
        networks = self.networks
        margin = networks.margin(self.spec, self.batch_size)
        quick = self._predictor(networks.quick, self.batch_size, margin)
        exact = None if networks.exact is None else self._predictor(networks.exact, PASS)
        # Two batches at the same time on the CPU, unless the network is compiled.
        one = kind_of(self.device) != "cpu" or self.settings.compile
        return Cascade(quick, exact, threads=1 if one else 2)

    def _predictor(self, network: Network, batch_size: int, margin: float = 0.0) -> Predictor:
        return Predictor(
            network,
            self.spec,
            self.backbone.class_names,
            batch_size=batch_size,
            topk=self.columns.topk,
            margin=margin,
        )

    def row_after_reading(self, found: Found, outcome: ReadResult | PhotoError) -> Row:
        """Row of an input that was read: without classes yet, or failed if it could not be."""
        target = self.labels.target(found) if self.labels is not None else None
        name = "" if target is None else self.backbone.class_names[target]
        row = Row(found.relative, target=target, target_label=name)
        if isinstance(outcome, PhotoError):
            return row.failed(outcome)
        return replace(row, **vars(outcome))

    def with_result(self, row: Row, result: ImageResult) -> Row:
        """*row* completed by the network's output, or failed if that is not a number."""
        direct = result.direct
        if self.settings.compare and self.module is None:
            direct = result.top_classes  # without a module, this is the plain backbone
        if result.top_classes is None or direct is None:
            message = "the classifier's output is not a number"
            return row.failed(PhotoError(ErrorCode.BAD_OUTPUT, message))
        return replace(
            row,
            top_classes=result.top_classes,
            direct=direct,
            drift=result.drift,
            features=result.features,
        )

    def metadata(self, command: str) -> dict[str, Any]:
        """Metadata of the run, as plain data for JSON; *command* is the command as typed."""
        options = {
            name: str(value) if isinstance(value, Path | Url) else value
            for name, value in asdict(self.settings).items()
        }
        return {
            "command": command,
            "options": options,
            "options_from": options.pop("sources"),
            "backbone": backbone_facts(self.backbone),
            "afd": module_facts(self.module),
            "afd_note": self.note,
            "columns": self.columns.names,
            "topk": self.columns.topk,
            "device": self.device,
            "runtime": self.runtime,
            "precision": self.precision,
            "batch_size": self.batch_size,
            "workers": self.workers,
            "threads": self.threads,
        }


def set_up(settings: Settings, arithmetic: Arithmetic | None = None) -> Setup:
    """Load the classifier, its module and the labels; choose device, precision and runtime.

    Args:
        settings: options of the run.
        arithmetic: numerical settings to use instead of choosing them, on Ray.

    Raises:
        AfdError: the run cannot start, such as for a missing file or an unknown classifier; see
            `afdcli.errors`.
    """
    settings.check()
    key = None if arithmetic is not None else key_of_start(settings)
    loaded = None if key is None else find(key)
    if loaded is None:
        from afdcli.classify.loading import load  # loads torch

        loaded = load(settings, arithmetic)
        if key is not None:
            keep(key, loaded)
    start, spec, names = loaded.start, loaded.start.spec, loaded.start.backbone.class_names
    return Setup(
        **vars(start),
        settings=settings,
        networks=loaded.networks,
        labels=load_labels(settings.labels, names) if settings.labels else None,
        columns=Columns(
            topk=min(settings.topk, len(names)),
            labels=settings.labels is not None,
            compare=settings.compare,
            exif=settings.exif,
            min_prob=settings.min_prob,
        ),
        batch_size=loaded.batch_size
        or settings.batch_size
        or batch_size(start.device, spec.height, spec.width),
        workers=settings.workers or _workers(start.device),
    )


def _workers(device: str) -> int:
    """Number of processes that read files: one per core, even if the network needs the cores too.

    A large classifier still gets all cores, because workers sleep while enough pictures are
    waiting. A small one would wait for pictures if only half of the cores read them.
    """
    cores = available_cpus()
    return cores if kind_of(device) == "cpu" else max(1, cores - 1)

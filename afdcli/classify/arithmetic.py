"""Precision, runtime and batch size of a run. A resumed run keeps those it began with."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import torch

from afdcli.classify.resume import earlier_metadata
from afdcli.classify.settings import Settings
from afdcli.errors import UsageError
from afdcli.inference.runtime import choose_runtime
from afdcli.models.precision import choose_precision
from afdcli.results.claim import found_at

_EXACT_SUFFIX = ", close calls in float32"


@dataclass(frozen=True)
class Arithmetic:
    """Numerical settings: everything that may change the last digits of a probability.

    Attributes:
        precision: dtype that the networks compute in.
        exact: True if low-margin predictions are re-run in float32.
        runtime: "torch" or "openvino"; "auto" if not chosen yet.
        batch_size: pictures per pass; None if not chosen yet.
    """

    precision: torch.dtype
    exact: bool
    runtime: str
    batch_size: int | None = None

    @property
    def name(self) -> str:
        """The precision as in the metadata: "bfloat16, close calls in float32"."""
        return str(self.precision).removeprefix("torch.") + (_EXACT_SUFFIX if self.exact else "")

    @classmethod
    def of(cls, name: str, runtime: str, batch_size: int) -> Arithmetic:
        """The settings whose precision has that *name*. Raises ValueError if there is none."""
        precision = getattr(torch, name.removesuffix(_EXACT_SUFFIX), None)
        if not isinstance(precision, torch.dtype):
            raise ValueError(f"{name} is no precision")
        return cls(precision, name.endswith(_EXACT_SUFFIX), runtime, batch_size)


def choose_arithmetic(settings: Settings, device: str) -> Arithmetic:
    """Choose as *settings* request; with ``--resume``, as recorded by the run to be resumed.

    Args:
        settings: options of the run.
        device: torch device type, such as "cpu".

    Raises:
        UsageError: *settings* contradict the run to be resumed, its metadata are incomplete, or
            this machine does not support the runtime or precision.
    """
    if not (settings.resume and found_at(settings.out)):
        return _requested(settings, device)
    earlier = _recorded(settings)
    requested = _requested(settings, device)
    for option, value, now, before in (
        ("runtime", settings.runtime, requested.runtime, earlier.runtime),
        ("precision", settings.precision, requested.name, earlier.name),
    ):
        if value != "auto" and now != before:
            raise UsageError(
                f"--resume: {settings.out} was made with {option} {before}, this run has {now};"
                f" omit --{option}, or give another --out"
            )
    try:
        choose_runtime(earlier.runtime, device, earlier.precision)
    except UsageError as error:
        raise UsageError(
            f"--resume: {settings.out} was made with runtime {earlier.runtime}: {error}"
        ) from error
    return replace(earlier, batch_size=settings.batch_size or earlier.batch_size)


def _requested(settings: Settings, device: str) -> Arithmetic:
    precision = choose_precision(settings.precision, device, integers=True)
    chosen = settings.precision == "auto" and precision != torch.float32
    exact = chosen or precision == torch.int8
    return Arithmetic(precision, exact, settings.runtime, settings.batch_size)


def _recorded(settings: Settings) -> Arithmetic:
    """Read the numerical settings from the metadata of the earlier run."""
    facts = earlier_metadata(settings.out)
    runtime, size = facts.get("runtime"), facts.get("batch_size")
    if isinstance(runtime, str) and isinstance(size, int):
        with suppress(ValueError):
            return Arithmetic.of(str(facts.get("precision")), runtime, size)
    raise UsageError(
        f"--resume: the metadata of {settings.out} lack precision, runtime or batch size;"
        " start again with --overwrite, or give another --out"
    )

"""In what a run computes. One that is resumed goes on as it began, wherever it goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from afdcli.classify.resume import earlier_facts
from afdcli.classify.settings import Settings
from afdcli.errors import UsageError
from afdcli.inference.runtime import choose_runtime
from afdcli.models.precision import choose_precision
from afdcli.results.claim import found_at

_CLOSE = ", close calls in float32"


@dataclass(frozen=True)
class Arithmetic:
    """What the answers of a run depend on, to their last digits.

    Attributes:
        precision: of the networks.
        exact: close calls are re-run in float32.
        runtime: "torch" or "openvino"; "auto" before it was chosen.
        batch_size: pictures per pass; None before it was chosen.
    """

    precision: torch.dtype
    exact: bool
    runtime: str
    batch_size: int | None = None

    @property
    def name(self) -> str:
        """The precision, as metadata have it."""
        return str(self.precision).removeprefix("torch.") + (_CLOSE if self.exact else "")


def choose_arithmetic(settings: Settings, device: str) -> Arithmetic:
    """What *settings* ask for; with ``--resume``, what the run began with where they ask nothing.

    Raises:
        UsageError: *settings* ask for something else than the run began with, or for something
            that this machine does not have.
    """
    if not (settings.resume and found_at(settings.out)):
        return _asked(settings, device)
    earlier = _recorded(settings)
    for option, asked, before in (
        ("runtime", settings.runtime, earlier.runtime),
        ("precision", settings.precision, earlier.name),
    ):
        now = asked if option == "runtime" else _asked(settings, device).name
        if asked != "auto" and now != before:
            raise UsageError(
                f"--resume: {settings.out} was made with {option} {before}, this run has {now};"
                f" leave --{option} out, or give another --out"
            )
    try:
        choose_runtime(earlier.runtime, device, earlier.precision)
    except UsageError as error:
        raise UsageError(
            f"--resume: {settings.out} was made with runtime {earlier.runtime}: {error}"
        ) from error
    return replace(earlier, batch_size=settings.batch_size or earlier.batch_size)


def _asked(settings: Settings, device: str) -> Arithmetic:
    asked = settings.precision
    precision = choose_precision(asked, device, integers=True)
    exact = precision == torch.int8 or (asked == "auto" and precision != torch.float32)
    return Arithmetic(precision, exact, settings.runtime, settings.batch_size)


def _recorded(settings: Settings) -> Arithmetic:
    """What the metadata of the earlier run say."""
    facts = earlier_facts(settings.out)
    name = str(facts.get("precision"))
    precision = getattr(torch, name.removesuffix(_CLOSE), None)
    runtime, size = facts.get("runtime"), facts.get("batch_size")
    if isinstance(precision, torch.dtype) and isinstance(runtime, str) and isinstance(size, int):
        return Arithmetic(precision, name.endswith(_CLOSE), runtime, size)
    raise UsageError(
        f"--resume: the metadata of {settings.out} do not say in what it was computed;"
        " start again with --overwrite, or give another --out"
    )

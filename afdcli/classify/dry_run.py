"""``afd classify --dry-run``: what a run would do, and how long it would take. Writes no results.

All inputs are listed and counted. The headers of a sample are read, and part of it is classified,
to time it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from afdcli.classify.run import LocalRun, with_labels
from afdcli.classify.setup import Setup
from afdcli.codec.header import Header
from afdcli.codec.limits import Limits
from afdcli.errors import PhotoError
from afdcli.inputs.found import Found
from afdcli.inputs.selection import draw
from afdcli.results.rows import Row
from afdcli.results.summary import Summary
from afdcli.results.writers import Sink
from afdcli.workers.pool import MEBI, WorkerPool
from afdcli.workers.read_task import ReadHeader, Task

#: Images whose headers are read. A share of them is within 3 points of the truth, at 95 %.
HEADERS = 1000
#: Images that are classified to time it, besides a first batch.
TIMED = 48
_SEED = 0


@dataclass(frozen=True)
class Failure:
    """An image of the sample that cannot be read."""

    path: str
    error: str
    note: str


@dataclass
class DryRun:
    """What a run would do.

    Attributes:
        images: number of rows that the results would have.
        headers: of the images in the sample that have one.
        failures: the images in the sample that have none.
        timed: totals of the images that were classified.
        rate: images per second.
    """

    images: int = 0
    headers: list[Header] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    timed: Summary = field(default_factory=Summary)
    rate: float = 0.0

    @property
    def looked_at(self) -> int:
        """Number of images in the sample."""
        return len(self.headers) + len(self.failures)

    @property
    def seconds(self) -> float:
        """Estimated time of the run, without the start."""
        return self.images / self.rate if self.rate else 0.0

    @property
    def codecs(self) -> Counter[str]:
        """Codec -> images of the sample."""
        return Counter(header.codec for header in self.headers)

    @property
    def errors(self) -> Counter[str]:
        """Error code -> images of the sample that cannot be read."""
        return Counter(failure.error for failure in self.failures)


def dry_run(
    inputs: Iterable[Found], setup: Setup, on_step: Callable[[str], None] = lambda _: None
) -> DryRun:
    """Count *inputs*, read the headers of a sample of them, and classify some.

    Args:
        inputs: the pictures; consumed.
        setup: from `afdcli.classify.setup.set_up`.
        on_step: called with what comes next, in words.

    Raises:
        UsageError: no picture has a label.
        AfdError: as for `afdcli.classify.run.classify`.
    """
    found = DryRun()
    on_step("counting")
    if setup.labels is not None:
        inputs = with_labels(inputs, setup.labels)

    def counted() -> Iterator[Found]:
        for each in inputs:
            found.images += 1
            yield each

    sample = draw(counted(), HEADERS, _SEED)
    on_step(f"reading {len(sample):,} headers")
    _read_headers(sample, setup, found)
    _time(sample, setup, found, on_step)
    return found


def _read_headers(sample: Sequence[Found], setup: Setup, into: DryRun) -> None:
    settings = setup.settings
    work = ReadHeader(Limits(max_pixels=settings.max_pixels))
    tasks = [Task(found.path, 0, found.source) for found in sample]
    with WorkerPool(
        setup.workers, timeout_s=settings.timeout, memory_limit=settings.memory * MEBI
    ) as pool:
        outcomes = pool.ordered(work, tasks, 4 * setup.workers)
        for found, (_, outcome) in zip(sample, outcomes, strict=True):
            if isinstance(outcome, PhotoError):
                failure = Failure(found.relative, str(outcome.code), outcome.message)
                into.failures.append(failure)
            else:
                into.headers.append(outcome)


def _time(
    sample: Sequence[Found], setup: Setup, into: DryRun, on_step: Callable[[str], None]
) -> None:
    """Classify a part of *sample*: a batch first, then more.

    One-off costs, such as starting the workers, are in both times, so the rate is computed from
    their difference.
    """
    batch, more = setup.batch_size, max(TIMED, setup.batch_size)
    chosen = draw(sample, 2 * batch + more, _SEED)
    on_step(f"timing {len(chosen):,} images")
    first, rest = chosen[:batch], chosen[batch:]
    if len(rest) <= batch:  # too few for two
        into.rate = _classified(chosen, setup, into.timed)
        return
    warm = Summary()
    _classified(first, setup, warm)
    rate = _classified(rest, setup, into.timed)
    once, longer = warm.seconds, into.timed.seconds
    into.rate = (len(rest) - len(first)) / (longer - once) if longer > once else rate


def _classified(sample: Iterable[Found], setup: Setup, summary: Summary) -> float:
    """Classify *sample* into *summary*; images per second."""
    LocalRun(setup, _NoResults(setup.columns), summary, lambda _: None).process(sample)
    return summary.rate


class _NoResults(Sink):
    """Results that are not kept."""

    def write(self, rows: Sequence[Row]) -> None:
        pass

    def close(self, finished: bool = True) -> None:
        pass

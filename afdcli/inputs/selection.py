"""Which of the inputs a run takes: all, the first ones, or some drawn at random."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import heappush, heapreplace
from itertools import islice

from afdcli.errors import UsageError
from afdcli.inputs.found import Found
from afdcli.inputs.members import Spool, Spooled, TemporaryFile


@dataclass(frozen=True)
class Selection:
    """A choice of inputs.

    Attributes:
        limit: take the first ones, at most this many; None for no limit.
        sample: draw this many at random, each at most once; None to draw none.
        seed: of the draw; None for 0.

    Raises:
        UsageError: *limit* and *sample* are both given, or a *seed* without a *sample*.
    """

    limit: int | None = None
    sample: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.sample is not None:
            raise UsageError(
                "--limit takes the first images, --sample draws them at random: give only one"
            )
        if self.seed is not None and self.sample is None:
            raise UsageError("--seed is the seed of --sample N: give both, or neither")

    @property
    def most(self) -> int | None:
        """Most inputs that are taken; None for all."""
        return self.sample if self.limit is None else self.limit

    def take(self, inputs: Iterable[Found]) -> Iterator[Found]:
        """Yield the chosen *inputs* in their order.

        A sample is complete only when all inputs were read.
        """
        if self.sample is not None:
            yield from draw(inputs, self.sample, self.seed or 0)
        else:
            yield from islice(inputs, self.limit)


def draw(inputs: Iterable[Found], count: int, seed: int) -> list[Found]:
    """Draw *count* of *inputs* at random, without replacement; all of them if there are fewer.

    The same inputs in the same order give the same sample, and a larger sample holds the smaller
    ones. Every input gets a random number, and those with the smallest ones stay: memory holds
    *count* inputs, however many there are.

    Returns:
        The sample, in the order of *inputs*.
    """
    random_numbers = random.Random(seed)
    copies = _Copies()
    # The first entry is the one with the largest number: the next to leave the sample.
    kept: list[tuple[float, int, Found]] = []
    for index, found in enumerate(inputs):
        number = -random_numbers.random()
        if len(kept) < count:
            heappush(kept, (number, index, copies.of(found)))
        elif number > kept[0][0]:
            heapreplace(kept, (number, index, copies.of(found)))
    return [found for _, _, found in sorted(kept, key=lambda entry: entry[1])]


class _Copies:
    """Copies of unpacked members of compressed tars.

    The file that holds a member also holds its neighbours, up to 256 MiB, and lives as long as one
    of them is used. A sample of them would keep the whole archive unpacked.
    """

    def __init__(self) -> None:
        self._file: TemporaryFile | None = None
        self._spool = Spool()

    def of(self, found: Found) -> Found:
        """*found*, with a copy of its bytes if they are unpacked ones."""
        source = found.source
        if not isinstance(source, Spooled):
            return found
        if self._file is None:
            self._file = TemporaryFile()
            self._spool.path = self._file.path
        copy = self._spool.keep([source.read(source.size)])
        if isinstance(copy, Spooled):
            copy = replace(copy, keep=self._file)
        return replace(found, source=copy)

"""`--limit` and `--sample`: which of the inputs a run takes."""

from __future__ import annotations

import itertools
import tarfile
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.classify import jpeg

from afdcli.errors import UsageError
from afdcli.inputs.found import Found
from afdcli.inputs.inputs import Inputs, Shard
from afdcli.inputs.selection import Selection, draw
from afdcli.workers.listing import Lister
from afdcli.workers.pool import MEMORY_LIMIT

LISTER = Lister(60.0, MEMORY_LIMIT)


def some(count: int) -> Iterator[Found]:
    return (Found(Path(f"{n}.jpg"), f"{n}.jpg") for n in range(count))


def names(inputs: Iterator[Found] | list[Found]) -> list[str]:
    return [found.relative for found in inputs]


def test_a_limit_takes_the_first_and_reads_no_more() -> None:
    inputs = some(10**9)
    assert names(Selection(limit=3).take(inputs)) == ["0.jpg", "1.jpg", "2.jpg"]
    assert next(inputs).relative == "3.jpg"
    assert names(Selection(limit=9).take(some(2))) == ["0.jpg", "1.jpg"]


def test_a_sample_is_in_order_without_repeats_and_the_same_for_a_seed() -> None:
    sample = names(Selection(sample=50, seed=3).take(some(1000)))
    numbers = [int(name[:-4]) for name in sample]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 50
    assert sample == names(Selection(sample=50, seed=3).take(some(1000)))
    assert sample != names(Selection(sample=50, seed=4).take(some(1000)))
    assert set(sample) < set(names(Selection(sample=60, seed=3).take(some(1000))))
    assert names(Selection(sample=50).take(some(20))) == names(some(20))


def test_every_input_has_the_same_chance() -> None:
    counts = Counter(name for seed in range(2000) for name in names(draw(some(10), 3, seed)))
    # 600 each on average; the standard deviation is 20.
    assert all(500 < counts[name] < 700 for name in names(some(10)))


def test_the_memory_of_a_sample_does_not_grow_with_the_inputs() -> None:
    one = Found(Path("a.jpg"), "a.jpg")

    def peak(count: int) -> int:
        tracemalloc.start()
        draw(itertools.repeat(one, count), 100, 0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(100_000) < 2 * peak(1_000)


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--limit .* --sample .* give only one"):
        Selection(limit=1, sample=1)
    with pytest.raises(UsageError, match="--seed is the seed of --sample"):
        Selection(seed=1)


def test_lists_folders_and_shards(here: Path) -> None:
    for n in range(12):
        (here / f"{n:02d}.jpg").write_bytes(jpeg(n))
    (here / "notes.txt").write_text("no picture")
    assert names(iter(Inputs([here], selection=Selection(limit=2)))) == ["00.jpg", "01.jpg"]
    lines = [b"05.jpg\n", b"03.jpg\n", b"05.jpg\n"]
    inputs = Inputs(["-"], stdin=lines, selection=Selection(sample=2))
    assert set(names(iter(inputs))) <= {"05.jpg", "03.jpg"}
    assert inputs.listed == 3
    parts = [Inputs([here], shard=Shard(i, 2), selection=Selection(sample=2)) for i in (1, 2)]
    drawn = [names(iter(part)) for part in parts]
    assert len({*drawn[0], *drawn[1]}) == 4
    assert sum(part.listed for part in parts) == 12
    assert parts[0].skipped.total() + parts[1].skipped.total() == 1
    whole = Inputs([here], selection=Selection(sample=5))
    with whole.counter() as count:
        list(whole)
    assert count.total in (5, None)  # None if the count did not get far


@pytest.mark.parametrize("kind", ["w", "w:gz"])
def test_members_of_archives_can_be_read(here: Path, kind: str) -> None:
    contents = {f"{n:02d}.jpg": jpeg(n) for n in range(20)}
    with tarfile.open(here / "a.tar", kind) as tar:
        for name, data in contents.items():
            (here / name).write_bytes(data)
            tar.add(here / name, name)
    found = list(Inputs([here / "a.tar"], lister=LISTER, selection=Selection(sample=6, seed=1)))
    assert len(found) == 6
    for each in found:
        assert each.source is not None
        assert each.source.read(10**6) == contents[each.relative.removeprefix("a.tar/")]
